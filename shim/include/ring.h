/* A byte queue that takes memory only while something is in it. */
#ifndef WHARF_RING_H
#define WHARF_RING_H

#include <stddef.h>
#include <sys/uio.h>

struct ring {
	unsigned char *data;
	size_t capacity;
	size_t head;
	size_t length;
};

/* Appends; grows as needed. -ENOMEM leaves it as it was. */
int ring_put(struct ring *ring, const void *data, size_t size);

/* The content in at most two pieces; returns their number. */
int ring_pieces(const struct ring *ring, struct iovec pieces[2]);

/* Takes size bytes from the front; gives the memory back when that was all. */
void ring_drop(struct ring *ring, size_t size);

/* Empties it and gives the memory back. */
void ring_clear(struct ring *ring);

#endif
