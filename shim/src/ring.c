#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CAPACITY (64U << 10)

int ring_pieces(const struct ring *ring, struct iovec pieces[2])
{
	if (ring->length == 0)
		return 0;
	size_t first = ring->capacity - ring->head;
	if (first >= ring->length) {
		pieces[0] = (struct iovec){ ring->data + ring->head, ring->length };
		return 1;
	}
	pieces[0] = (struct iovec){ ring->data + ring->head, first };
	pieces[1] = (struct iovec){ ring->data, ring->length - first };
	return 2;
}

static int grow(struct ring *ring, size_t needed)
{
	size_t capacity = ring->capacity ? ring->capacity : FIRST_CAPACITY;
	while (capacity < needed)
		capacity *= 2;
	unsigned char *data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return -ENOMEM;
	struct iovec pieces[2];
	size_t length = 0;
	int count = ring_pieces(ring, pieces);
	for (int i = 0; i < count; i++) {
		memcpy(data + length, pieces[i].iov_base, pieces[i].iov_len);
		length += pieces[i].iov_len;
	}
	ring_clear(ring);
	*ring = (struct ring){ data, capacity, 0, length };
	return 0;
}

int ring_put(struct ring *ring, const void *data, size_t size)
{
	if (size == 0)
		return 0;
	if (ring->length + size > ring->capacity) {
		int err = grow(ring, ring->length + size);
		if (err < 0)
			return err;
	}
	size_t tail = (ring->head + ring->length) % ring->capacity;
	size_t first = ring->capacity - tail;
	if (first > size)
		first = size;
	memcpy(ring->data + tail, data, first);
	memcpy(ring->data, (const char *)data + first, size - first);
	ring->length += size;
	return 0;
}

void ring_drop(struct ring *ring, size_t size)
{
	if (size >= ring->length) {
		ring_clear(ring);
		return;
	}
	ring->head = (ring->head + size) % ring->capacity;
	ring->length -= size;
}

void ring_clear(struct ring *ring)
{
	if (ring->data)
		munmap(ring->data, ring->capacity);
	*ring = (struct ring){ 0 };
}
