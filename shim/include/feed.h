/*
 * A FIFO where somebody expects a file, so that he waits until the file is there. The writer renames the file over the FIFO: whoever
 * comes after that reads the file itself, and who has come before is fed with it.
 */
#ifndef WHARF_FEED_H
#define WHARF_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct feed {
	struct source fifo; /* for writing, once somebody reads, or -1 */
	int place;          /* the FIFO wherever its name has gone (O_PATH), or -1 */
	int file;           /* what is passed on, or -1 */
	int64_t retry_ms;   /* when to look again whether somebody reads, or 0 */
	int64_t pause_ms;
};

void feed_init(struct feed *feed);

/* Makes the FIFO. */
int feed_open(struct feed *feed, const char *path);

/* Begins to pass on the file that is at path now. -EINVAL if none has taken the FIFO's place. */
int feed_begin(struct feed *feed, const char *path);

/*
 * Passes on what can be passed on without waiting: 0 when that was all, -EAGAIN when fifo has to become writable or, while it is not
 * open, retry_ms to come.
 */
int feed_step(struct feed *feed, int64_t now_ms);

/* Whether nobody has had anything of the file. */
bool feed_untouched(const struct feed *feed);

/* The same, and so lately that nobody can have read the file itself and done much. */
bool feed_is_new(const struct feed *feed);

/* Closes everything; who still waits at the FIFO is given an empty file. */
void feed_end(struct feed *feed, int epfd);

#endif
