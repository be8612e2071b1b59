#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "passfd.h"
#include "unixsocket.h"
#include "util.h"

/* A runtime that has connected sends at once; the limit is there for one that was killed between the two. */
#define RECEIVE_TIMEOUT_S 5

int console_listen(const char *path)
{
	return unix_listen(path, 1);
}

int console_receive(int listener)
{
	CLEANUP_FD int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return -errno;
	struct timeval timeout = { .tv_sec = RECEIVE_TIMEOUT_S };
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	char name[4096];
	int master;
	if (receive_with_fd(connection, name, sizeof(name), 0, &master) < 0)
		return -errno;
	if (master < 0)
		return -EPROTO;
	int flags = fcntl(master, F_GETFL);
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0) {
		int err = -errno;
		close(master);
		return err;
	}
	return master;
}

int console_resize(int master, unsigned short height, unsigned short width)
{
	struct winsize size = { .ws_row = height, .ws_col = width };
	return ioctl(master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
