#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "passfd.h"
#include "relay.h"
#include "unixsocket.h"
#include "util.h"

#define ANSWER_WITHIN_S 5

static int ask(int fd, const char *line)
{
	return send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The next line, without its end, and the descriptor that came with it, or -1. Each has been sent as one, so it is received as one. */
static int hear(int former, char line[RELAY_LINE_MAX], int *fd)
{
	ssize_t n = receive_with_fd(former, line, RELAY_LINE_MAX - 1, 0, fd);
	int err = n < 0 ? -errno : n == 0 || line[n - 1] != '\n' ? -EPROTO : 0;
	if (err < 0) {
		close_and_forget(fd);
		return err;
	}
	line[n - 1] = '\0';
	return 0;
}

static bool is_listening(int fd)
{
	int listens = 0;
	socklen_t length = sizeof(listens);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

/* Takes the descriptor over. */
static int take(struct relay *relay, char *line, int fd)
{
	char *words[RELAY_WORDS_MAX];
	size_t count = relay_words(line, words);
	union address target;
	int err = count == 5 && fd >= 0 && strcmp(words[0], "port") == 0 ? address_parse(&target, words[3], words[4]) : -EPROTO;
	if (err < 0) {
		close_and_forget(&fd);
		return err;
	}
	bool udp = strcmp(words[2], "udp") == 0;
	err = port_add(relay, words[1], udp, &target, fd);
	/* one that is only kept by now may have been heard, and goes on to be */
	if (err < 0 || !(udp || is_listening(fd)))
		return err;
	return source_watch(relay->epfd, &port_find(relay, words[1])->source, EPOLLIN);
}

static int take_all(struct relay *relay, int former)
{
	char line[RELAY_LINE_MAX];
	int fd, err = ask(former, "give\n");
	while (err >= 0 && (err = hear(former, line, &fd)) >= 0) {
		if (strcmp(line, "end") == 0)
			return 0;
		err = take(relay, line, fd);
	}
	return err;
}

/* All that may fail is done before the former relay is told. */
int relay_follow(struct relay *relay, const char *from, const char *socket_path)
{
	char line[RELAY_LINE_MAX], meanwhile[RELAY_PATH_MAX];
	struct timeval patience = { .tv_sec = ANSWER_WITHIN_S };
	int fd = -1;
	if (snprintf(meanwhile, sizeof(meanwhile), "%s.new", socket_path) >= (int)sizeof(meanwhile))
		return -ENAMETOOLONG;
	CLEANUP_FD int former = unix_dial(from, 0);
	if (former < 0)
		return former;
	if (setsockopt(former, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	int err = relay_open(relay, meanwhile);
	if (err >= 0)
		err = take_all(relay, former);
	if (err >= 0)
		err = ask(former, "retire\n");
	if (err >= 0)
		err = hear(former, line, &fd);
	close_and_forget(&fd);
	if (err >= 0)
		err = strcmp(line, "ok") == 0 ? relay_move(relay, socket_path) : -EPROTO;
	if (err < 0)
		relay_leave(relay);
	return err;
}

int relay_retire(struct relay *relay)
{
	char path[RELAY_PATH_MAX];
	if (relay->retired)
		return 0;
	if (snprintf(path, sizeof(path), "%s.%d", relay->path, (int)getpid()) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int err = relay_move(relay, path);
	if (err < 0)
		return err;
	relay->retired = true;
	for (struct port *port = relay->ports; port; port = port->next) {
		/* datagrams are answered from the port's own socket */
		if (port->caller_count > 0)
			source_unwatch(relay->epfd, &port->source);
		else
			source_close(relay->epfd, &port->source);
	}
	prctl(PR_SET_NAME, "wharf-relay-old");
	return 0;
}
