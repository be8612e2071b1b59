/* What a client has not read yet: in memory, then in a file that has no name. */
#ifndef WHARF_OUTBOX_H
#define WHARF_OUTBOX_H

#include <stdint.h>

#include "ring.h"

/* More than this goes to the file, */
#define OUTBOX_MEMORY_BYTES (768U << 10)
/* and more than this is refused. */
#define OUTBOX_FILE_BYTES ((int64_t)1 << 30)

struct outbox {
	struct ring memory;
	int file;                 /* what came after what is in memory; meaningful while file_end > 0 */
	int64_t file_begin;
	int64_t file_end;
	int64_t punched;          /* the file's beginning that takes no room any more */
};

/* Appends; a file is made in directory when it is needed. Negative errno: nothing was taken, -ENOBUFS if there is too much. */
int outbox_put(struct outbox *box, const char *directory, const void *data, size_t size);

/* How many bytes are in it. */
int64_t outbox_length(const struct outbox *box);

/* Sends what a non-blocking socket takes; returns the number of bytes, or a negative errno (-EAGAIN: none now). */
int64_t outbox_send(struct outbox *box, int fd);

/* Empties it and gives everything back. */
void outbox_clear(struct outbox *box);

#endif
