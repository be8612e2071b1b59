#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "relay.h"
#include "unixsocket.h"
#include "util.h"

#define PENDING_DAEMONS 16

/* Whether the socket at its path is its own. Nobody else gets the inode of one that is bound. */
static bool is_in_place(const struct relay *relay)
{
	struct stat there;
	return stat(relay->path, &there) == 0 && there.st_ino == relay->inode;
}

int relay_listen(struct relay *relay, const char *path)
{
	struct stat own;
	int fd = unix_listen(path, PENDING_DAEMONS);
	if (fd < 0)
		return fd;
	source_close(relay->epfd, &relay->listener);
	relay->listener.fd = fd;
	memmove(relay->path, path, strlen(path) + 1);
	relay->inode = stat(path, &own) == 0 ? own.st_ino : 0;
	return relay_watch_daemons(relay);
}

int relay_move(struct relay *relay, const char *path)
{
	if (strlen(path) >= sizeof(relay->path))
		return -ENAMETOOLONG;
	if (!is_in_place(relay))
		return relay_listen(relay, path);
	if (rename(relay->path, path) < 0)
		return -errno;
	strcpy(relay->path, path);
	return 0;
}

void relay_leave(struct relay *relay)
{
	if (is_in_place(relay))
		unlink(relay->path);
}

/* Where another one has taken its place, that one is the relay. */
static void on_signal(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct relay *relay = (struct relay *)((char *)source - offsetof(struct relay, signals));
	struct signalfd_siginfo info;
	if (read(source->fd, &info, sizeof(info)) < 0 || is_in_place(relay))
		return;
	int err, other = unix_dial(relay->path, SOCK_NONBLOCK);
	if (other >= 0 || other == -EAGAIN) {
		relay_dismiss(relay);
		err = relay_retire(relay);
	} else {
		err = relay_listen(relay, relay->path);
	}
	close_and_forget(&other);
	if (err < 0)
		shim_log("relay: %s: %s", relay->path, strerror(-err));
}

int relay_watch_signals(struct relay *relay)
{
	sigset_t own;
	sigemptyset(&own);
	sigaddset(&own, SIGUSR1);
	int fd = signalfd(-1, &own, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	relay->signals = (struct source){ .fd = fd, .ready = on_signal };
	return source_watch(relay->epfd, &relay->signals, EPOLLIN);
}
