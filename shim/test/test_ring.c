#include "check.h"
#include "ring.h"

/* What is in the ring is what a plain array would hold, through growth and wrapping around. */
int main(void)
{
	struct ring ring = { 0 };
	unsigned char next_in = 0, next_out = 0;
	size_t length = 0;
	unsigned seed = 1;
	for (int turn = 0; turn < 4000; turn++) {
		unsigned char chunk[3000];
		seed = seed * 1103515245 + 12345;
		size_t put = (seed >> 8) % sizeof(chunk);
		for (size_t i = 0; i < put; i++)
			chunk[i] = next_in++;
		CHECK(ring_put(&ring, chunk, put) == 0);
		length += put;
		CHECK(ring.length == length);

		struct iovec pieces[2];
		int count = ring_pieces(&ring, pieces);
		size_t total = 0;
		for (int i = 0; i < count; i++)
			total += pieces[i].iov_len;
		CHECK(total == length);
		size_t drop = turn % 500 == 499 ? length : (seed >> 4) % 3000;
		if (drop > length)
			drop = length;
		size_t seen = 0;
		for (int i = 0; i < count; i++) {
			for (size_t j = 0; j < pieces[i].iov_len && seen < drop; j++, seen++)
				CHECK(((unsigned char *)pieces[i].iov_base)[j] == next_out++);
		}
		ring_drop(&ring, drop);
		length -= drop;
		CHECK(length > 0 || ring.data == NULL);
	}
	ring_clear(&ring);
	CHECK(ring.data == NULL && ring.length == 0);
	return 0;
}
