#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "passfd.h"
#include "relay.h"
#include "util.h"

#define VERSION 1
/* A daemon that reads nothing for so long is none. */
#define REPLY_WITHIN_MS 2000

static struct relay *relay_of_daemon(struct source *source)
{
	return (struct relay *)((char *)source - offsetof(struct relay, daemon));
}

static void dismiss(struct relay *relay)
{
	source_close(relay->epfd, &relay->daemon);
	relay->lines_length = 0;
}

static bool may_write(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLOUT };
	return poll(&one, 1, REPLY_WITHIN_MS) == 1 && (one.revents & POLLOUT);
}

static void reply(struct relay *relay, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void reply(struct relay *relay, const char *format, ...)
{
	char line[RELAY_LINE_MAX];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[length++] = '\n';
	for (int sent = 0; sent < length && relay->daemon.fd >= 0;) {
		ssize_t n = send(relay->daemon.fd, line + sent, (size_t)(length - sent), MSG_NOSIGNAL);
		if (n >= 0)
			sent += (int)n;
		else if (errno != EINTR && !(errno == EAGAIN && may_write(relay->daemon.fd)))
			dismiss(relay);
	}
}

static void answer(struct relay *relay, int err)
{
	if (err < 0)
		reply(relay, "err %s", strerror(-err));
	else
		reply(relay, "ok");
}

static void list(struct relay *relay)
{
	char host[INET6_ADDRSTRLEN];
	uint16_t number;
	for (struct port *port = relay->ports; port; port = port->next) {
		address_format(&port->target, host, &number);
		reply(relay, "port %s %s %u", port->key, host, number);
	}
	reply(relay, "end");
}

/* Takes the descriptor, if any, over. */
static void request(struct relay *relay, char *line, int fd)
{
	char *rest, *words[5] = { NULL };
	size_t count = 0;
	for (char *word = strtok_r(line, " ", &rest); word && count < ARRAY_LEN(words); word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	const char *verb = count > 0 ? words[0] : "";
	union address target;
	struct port *port = count > 1 ? port_find(relay, words[1]) : NULL;
	if (strcmp(verb, "add") == 0 && count == 5 && fd >= 0) {
		bool udp = strcmp(words[2], "udp") == 0;
		int err = address_parse(&target, words[3], words[4]);
		if (err < 0)
			close(fd);
		answer(relay, err < 0 ? err : port_add(relay, words[1], udp, &target, fd));
		return;
	}
	if (fd >= 0)
		close(fd);
	if (strcmp(verb, "lead") == 0 && count == 4) {
		int err = port ? address_parse(&target, words[2], words[3]) : -ENOENT;
		answer(relay, err < 0 ? err : port_lead(port, &target));
	} else if (strcmp(verb, "drop") == 0 && count == 2) {
		if (port)
			port_drop(port);
		answer(relay, 0);
	} else if (strcmp(verb, "list") == 0) {
		list(relay);
	} else if (strcmp(verb, "hello") == 0) {
		reply(relay, "relay %d", VERSION);
	} else if (strcmp(verb, "quit") == 0) {
		relay->quit = true;
	} else {
		answer(relay, -EINVAL);
	}
}

/*
 * One receive ends behind the line that a descriptor came with, so it belongs to the last of the lines. A line is sent whole;
 * what does not end in one by then is no line of ours.
 */
static void on_daemon(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct relay *relay = relay_of_daemon(source);
	int fd;
	char *at = relay->lines + relay->lines_length;
	ssize_t n = receive_with_fd(source->fd, at, sizeof(relay->lines) - 1 - relay->lines_length, MSG_DONTWAIT, &fd);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dismiss(relay);
		return;
	}
	relay->lines_length += (size_t)n;
	relay->lines[relay->lines_length] = '\0';
	char *begin = relay->lines;
	for (char *end = strchr(begin, '\n'); end; end = strchr(begin, '\n')) {
		bool last = strchr(end + 1, '\n') == NULL;
		*end = '\0';
		request(relay, begin, last ? fd : -1);
		if (last)
			fd = -1;
		begin = end + 1;
		if (relay->daemon.fd < 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	if (relay->daemon.fd < 0)
		return;
	relay->lines_length = strlen(begin);
	memmove(relay->lines, begin, relay->lines_length + 1);
	if (relay->lines_length == sizeof(relay->lines) - 1)
		dismiss(relay);
}

/* There is one daemon at a time, and the last is the living one. */
static void on_listener(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct relay *relay = (struct relay *)((char *)source - offsetof(struct relay, listener));
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	dismiss(relay);
	relay->daemon = (struct source){ .fd = fd, .ready = on_daemon };
	if (source_watch(relay->epfd, &relay->daemon, EPOLLIN) < 0)
		dismiss(relay);
}

void relay_watch_daemons(struct relay *relay)
{
	relay->listener.ready = on_listener;
	source_watch(relay->epfd, &relay->listener, EPOLLIN);
}
