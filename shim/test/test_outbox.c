#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "check.h"
#include "outbox.h"
#include "util.h"

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761U >> 13);
}

static void receive_all(int fd, size_t *seen)
{
	static unsigned char buffer[65536];
	ssize_t n;
	while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK(buffer[i] == byte_at((*seen)++));
	}
}

/* What comes out is what went in, through memory and file, however puts and sends are mixed. */
int main(void)
{
	static unsigned char chunk[200000];
	struct outbox box = { 0 };
	int ends[2];
	size_t put = 0, seen = 0, most = 0;
	unsigned seed = 7;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	for (int turn = 0; turn < 3000; turn++) {
		seed = seed * 1103515245 + 12345;
		size_t size = (seed >> 8) % (turn % 600 < 300 ? sizeof(chunk) : 2000);
		for (size_t i = 0; i < size; i++)
			chunk[i] = byte_at(put + i);
		CHECK(outbox_put(&box, "/tmp", chunk, size) == 0);
		put += size;
		CHECK(box.memory.length <= OUTBOX_MEMORY_BYTES);
		int64_t sent = outbox_send(&box, ends[0]);
		CHECK(sent >= 0 || sent == -EAGAIN);
		if (turn % 3 == 0 || turn % 600 >= 300)
			receive_all(ends[1], &seen);
		most = box.file_end > (int64_t)most ? (size_t)box.file_end : most;
	}
	CHECK(most > 10 << 20);
	while (outbox_length(&box) > 0) {
		int64_t sent = outbox_send(&box, ends[0]);
		CHECK(sent >= 0 || sent == -EAGAIN);
		receive_all(ends[1], &seen);
	}
	receive_all(ends[1], &seen);
	CHECK(seen == put);
	CHECK(box.file_end == 0 && box.memory.data == NULL);
	CHECK(outbox_put(&box, "/no/such/directory", chunk, sizeof(chunk)) == 0);
	while (box.memory.length + sizeof(chunk) <= OUTBOX_MEMORY_BYTES)
		CHECK(outbox_put(&box, "/no/such/directory", chunk, sizeof(chunk)) == 0);
	CHECK(outbox_put(&box, "/no/such/directory", chunk, sizeof(chunk)) == -ENOENT);
	close(ends[1]);
	CHECK(outbox_send(&box, ends[0]) == -EPIPE);
	outbox_clear(&box);
	CHECK(outbox_length(&box) == 0);
	return 0;
}
