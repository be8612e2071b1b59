#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "passfd.h"
#include "relay.h"
#include "util.h"

#define VERSION 2

size_t relay_words(char *line, char *words[RELAY_WORDS_MAX])
{
	char *rest;
	size_t count = 0;
	for (char *word = strtok_r(line, " ", &rest); word && count < RELAY_WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	return count;
}

static struct relay *relay_of_daemon(struct source *source)
{
	return (struct relay *)((char *)source - offsetof(struct relay, daemon));
}

void relay_dismiss(struct relay *relay)
{
	source_close(relay->epfd, &relay->daemon);
	close_and_forget(&relay->lines_fd);
	relay->lines_length = relay->answer_length = 0;
	relay->lines[0] = '\0';
	relay->listing = NO_LIST;
}

static void say(struct relay *relay, int fd, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* To be told by `tell`, which has told all that was before. */
static void say(struct relay *relay, int fd, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t length = (size_t)vsnprintf(relay->answer, sizeof(relay->answer) - 1, format, args);
	va_end(args);
	relay->answer[length++] = '\n';
	relay->answer_length = length;
	relay->answer_fd = fd;
}

static void answer(struct relay *relay, int err)
{
	if (err < 0)
		say(relay, -1, "err %s", strerror(-err));
	else
		say(relay, -1, "ok");
}

/* Ports change by requests only, none of which is looked at before a list has been told. */
static void list(struct relay *relay)
{
	char host[INET6_ADDRSTRLEN];
	uint16_t number;
	struct port *port = relay->listed;
	if (!port) {
		relay->listing = NO_LIST;
		say(relay, -1, "end");
		return;
	}
	relay->listed = port->next;
	address_format(&port->target, host, &number);
	if (relay->listing == LIST_SOCKETS)
		say(relay, port->source.fd, "port %s %s %s %u", port->key, port->udp ? "udp" : "tcp", host, number);
	else
		say(relay, -1, "port %s %s %u", port->key, host, number);
}

/* Tells the daemon what it can take now. Returns whether that was all. */
static bool tell(struct relay *relay)
{
	while (relay->daemon.fd >= 0) {
		if (relay->answer_length == 0 && relay->listing != NO_LIST)
			list(relay);
		if (relay->answer_length == 0)
			return true;
		/* so short a message goes whole or not at all */
		int err = relay->answer_fd >= 0 ?
				  send_with_fd(relay->daemon.fd, relay->answer, relay->answer_length, relay->answer_fd) :
				  (send(relay->daemon.fd, relay->answer, relay->answer_length, MSG_NOSIGNAL) < 0 ? -errno : 0);
		if (err == -EAGAIN)
			return false;
		if (err == -EINTR)
			continue;
		relay->answer_length = 0;
		if (err < 0)
			relay_dismiss(relay);
	}
	return false;
}

static void begin_list(struct relay *relay, bool sockets)
{
	relay->listing = sockets ? LIST_SOCKETS : LIST_PORTS;
	relay->listed = relay->ports;
}

/* One that has given up has closed its copies of the sockets: without us nobody would have the ports. */
static bool asker_left(const struct relay *relay)
{
	struct pollfd asker = { .fd = relay->daemon.fd, .events = POLLRDHUP };
	return poll(&asker, 1, 0) > 0;
}

/* Takes the descriptor, if any, over. */
static void request(struct relay *relay, char *line, int fd)
{
	char *words[RELAY_WORDS_MAX];
	size_t count = relay_words(line, words);
	const char *verb = count > 0 ? words[0] : "";
	union address target;
	struct port *port = count > 1 ? port_find(relay, words[1]) : NULL;
	if (strcmp(verb, "add") == 0 && count == 5 && fd >= 0 && !relay->retired) {
		bool udp = strcmp(words[2], "udp") == 0;
		int err = address_parse(&target, words[3], words[4]);
		if (err < 0)
			close(fd);
		answer(relay, err < 0 ? err : port_add(relay, words[1], udp, &target, fd));
		return;
	}
	if (fd >= 0)
		close(fd);
	if (strcmp(verb, "lead") == 0 && count == 4 && !relay->retired) {
		int err = port ? address_parse(&target, words[2], words[3]) : -ENOENT;
		answer(relay, err < 0 ? err : port_lead(port, &target));
	} else if (strcmp(verb, "drop") == 0 && count == 2) {
		if (port)
			port_drop(port);
		answer(relay, 0);
	} else if (strcmp(verb, "list") == 0) {
		begin_list(relay, false);
	} else if (strcmp(verb, "give") == 0 && !relay->retired) {
		begin_list(relay, true);
	} else if (strcmp(verb, "retire") == 0) {
		answer(relay, asker_left(relay) ? -EPIPE : relay_retire(relay));
	} else if (strcmp(verb, "hello") == 0) {
		say(relay, -1, "relay %d %d", VERSION, (int)getpid());
	} else if (strcmp(verb, "quit") == 0) {
		relay->quit = true;
	} else {
		answer(relay, -EINVAL);
	}
}

/* Reads more lines; all that there were are answered. */
static void hear(struct relay *relay)
{
	char *at = relay->lines + relay->lines_length;
	ssize_t n = receive_with_fd(relay->daemon.fd, at, sizeof(relay->lines) - 1 - relay->lines_length, MSG_DONTWAIT,
				    &relay->lines_fd);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		relay_dismiss(relay);
		return;
	}
	relay->lines_length += (size_t)n;
	relay->lines[relay->lines_length] = '\0';
}

/*
 * Obeys lines as long as the answers are taken. One receive ends behind the line that a descriptor came with, so it belongs to the last of
 * the lines. A line is sent whole; what does not end in one by then is no line of ours. Returns whether there are no more lines.
 */
static bool obey(struct relay *relay)
{
	char *begin = relay->lines, *end;
	while (tell(relay) && (end = strchr(begin, '\n'))) {
		bool last = strchr(end + 1, '\n') == NULL;
		int fd = last ? relay->lines_fd : -1;
		if (last)
			relay->lines_fd = -1;
		*end = '\0';
		request(relay, begin, fd);
		begin = end + 1;
	}
	if (relay->daemon.fd < 0)
		return false;
	relay->lines_length = strlen(begin);
	memmove(relay->lines, begin, relay->lines_length + 1);
	return relay->answer_length == 0;
}

static void on_daemon(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct relay *relay = relay_of_daemon(source);
	if (obey(relay)) {
		hear(relay);
		obey(relay);
	}
	if (relay->daemon.fd < 0)
		return;
	bool waits = relay->answer_length > 0;
	if (!waits)
		close_and_forget(&relay->lines_fd);
	if (relay->lines_length == sizeof(relay->lines) - 1 || source_watch(relay->epfd, source, waits ? EPOLLOUT : EPOLLIN) < 0)
		relay_dismiss(relay);
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
	relay_dismiss(relay);
	relay->daemon = (struct source){ .fd = fd, .ready = on_daemon };
	if (source_watch(relay->epfd, &relay->daemon, EPOLLIN) < 0)
		relay_dismiss(relay);
}

int relay_watch_daemons(struct relay *relay)
{
	relay->listener.ready = on_listener;
	return source_watch(relay->epfd, &relay->listener, EPOLLIN);
}
