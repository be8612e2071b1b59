#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "check.h"
#include "passfd.h"
#include "util.h"

static void passes_a_descriptor(void)
{
	int ends[2], fd;
	char text[16];
	struct stat sent, received;
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	int null = open("/dev/null", O_RDONLY);
	CHECK(send_with_fd(ends[0], "with", 4, null) == 0);
	CHECK(receive_with_fd(ends[1], text, sizeof(text), 0, &fd) == 4 && memcmp(text, "with", 4) == 0);
	CHECK(fd >= 0 && fd != null && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fstat(null, &sent) == 0 && fstat(fd, &received) == 0 && sent.st_rdev == received.st_rdev);
	close(fd);
	CHECK(send(ends[0], "without", 7, 0) == 7);
	CHECK(receive_with_fd(ends[1], text, sizeof(text), 0, &fd) == 7 && fd == -1);
	CHECK(receive_with_fd(ends[1], text, sizeof(text), MSG_DONTWAIT, &fd) == -1 && errno == EAGAIN && fd == -1);
	CHECK(send_with_fd(ends[0], "x", 1, -1) == -EBADF);
	close(null);
	close(ends[0]);
	close(ends[1]);
}

static void closes_all_but_two(void)
{
	for (int round = 0; round < 2; round++) {
		int a = fcntl(0, F_DUPFD, 20), b = fcntl(0, F_DUPFD, 30), c = fcntl(0, F_DUPFD, 25);
		CHECK(round == 0 ? close_all_but(a, b) == 0 : close_all_but(b, a) == 0);
		CHECK(fcntl(a, F_GETFD) >= 0 && fcntl(b, F_GETFD) >= 0 && fcntl(c, F_GETFD) < 0 && fcntl(2, F_GETFD) >= 0);
		CHECK(close_all_but(b, b) == 0);
		CHECK(fcntl(a, F_GETFD) < 0 && fcntl(b, F_GETFD) >= 0);
		close(b);
	}
}

int main(void)
{
	passes_a_descriptor();
	closes_all_but_two();
	return 0;
}
