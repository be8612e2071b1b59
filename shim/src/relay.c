#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "unixsocket.h"
#include "util.h"

#define EVENTS_PER_TURN 64
#define BACKLOG 4096
/* without ports for so long, nobody needs it: longer than from one container to the next in a loop of `docker run` */
#define LINGER_MS 3000
#define SWEEP_EVERY_MS 10000

int address_parse(union address *address, const char *host, const char *port)
{
	char *end;
	unsigned long number = strtoul(port, &end, 10);
	memset(address, 0, sizeof(*address));
	if (strcmp(host, "-") == 0)
		return 0;
	if (*port == '\0' || *end != '\0' || number == 0 || number > 65535)
		return -EINVAL;
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((uint16_t)number);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1)
		return -EINVAL;
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons((uint16_t)number);
	return 0;
}

socklen_t address_length(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

void address_format(const union address *address, char host[INET6_ADDRSTRLEN], uint16_t *port)
{
	bool v4 = address->any.sa_family == AF_INET;
	if (address->any.sa_family == AF_UNSPEC) {
		strcpy(host, "-");
		*port = 0;
		return;
	}
	const void *bytes = v4 ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr;
	inet_ntop(address->any.sa_family, bytes, host, INET6_ADDRSTRLEN);
	*port = ntohs(v4 ? address->v4.sin_port : address->v6.sin6_port);
}

void relay_bury(struct relay *relay, void *dead)
{
	source_close(relay->epfd, dead);
	/* its source stays as it is: an event of this turn that is for it finds that it is not watched */
	struct remains *remains = malloc(sizeof(*remains) + sizeof(void *));
	if (!remains)
		return; /* a leak is better than what it would be else */
	*(void **)(remains + 1) = dead;
	remains->next = relay->remains;
	relay->remains = remains;
}

static void free_remains(struct relay *relay)
{
	while (relay->remains) {
		struct remains *remains = relay->remains;
		relay->remains = remains->next;
		free(*(void **)(remains + 1));
		free(remains);
	}
}

struct port *port_find(struct relay *relay, const char *key)
{
	struct port *port = relay->ports;
	while (port && strcmp(port->key, key) != 0)
		port = port->next;
	return port;
}

static int check_socket(int fd, bool udp)
{
	int type;
	socklen_t length = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return -errno;
	if (type != (udp ? SOCK_DGRAM : SOCK_STREAM))
		return -EPROTOTYPE;
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static void port_cut(struct port *port)
{
	if (port->udp)
		udp_cut(port);
	else
		tcp_cut(port);
}

/* A port that has been served and is only kept from now on goes on to be heard, to turn away who comes. */
int port_lead(struct port *port, const union address *target)
{
	port_cut(port);
	port->target = *target;
	if (target->any.sa_family == AF_UNSPEC)
		return 0;
	if (!port->udp && listen(port->source.fd, BACKLOG) < 0)
		return -errno;
	return source_watch(port->relay->epfd, &port->source, EPOLLIN);
}

int port_add(struct relay *relay, const char *key, bool udp, const union address *target, int fd)
{
	struct port *former = port_find(relay, key);
	struct port *port = strlen(key) < RELAY_KEY_MAX ? calloc(1, sizeof(*port)) : NULL;
	int err = port ? check_socket(fd, udp) : -ENOMEM;
	if (err < 0) {
		free(port);
		close(fd);
		return err;
	}
	if (former)
		port_drop(former);
	if (udp)
		udp_prepare(fd);
	strcpy(port->key, key);
	port->relay = relay;
	port->udp = udp;
	port->source = (struct source){ .fd = fd, .ready = udp ? udp_receive : tcp_accept };
	port->next = relay->ports;
	relay->ports = port;
	err = port_lead(port, target);
	if (err < 0)
		port_drop(port);
	return err;
}

void port_drop(struct port *port)
{
	struct port **link = &port->relay->ports;
	while (*link != port)
		link = &(*link)->next;
	*link = port->next;
	if (port->relay->listed == port)
		port->relay->listed = port->next;
	port_cut(port);
	relay_bury(port->relay, port);
}

int relay_open(struct relay *relay, const char *socket_path)
{
	sigset_t own;
	*relay = (struct relay){ .epfd = -1, .listener = { .fd = -1 }, .daemon = { .fd = -1 }, .lines_fd = -1, .signals = { .fd = -1 } };
	sigemptyset(&own);
	sigaddset(&own, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &own, NULL) < 0)
		return -errno;
	relay->epfd = epoll_create1(EPOLL_CLOEXEC);
	return relay->epfd < 0 ? -errno : relay_listen(relay, socket_path);
}

static void drop_unused(struct relay *relay)
{
	struct port *next;
	for (struct port *port = relay->ports; port; port = next) {
		next = port->next;
		if (!port->pairs && port->caller_count == 0)
			port_drop(port);
	}
}

/* Does what is due; returns how long nothing else will be, in milliseconds, or -1 for ever. */
static int tick(struct relay *relay)
{
	int64_t now = monotonic_ms();
	if (relay->caller_count > 0 && now >= relay->sweep_ms) {
		for (struct port *port = relay->ports; port; port = port->next)
			udp_sweep(port, now);
		relay->sweep_ms = now + SWEEP_EVERY_MS;
	}
	if (relay->retired)
		drop_unused(relay);
	if (!relay->ports) {
		if (relay->empty_since_ms == 0)
			relay->empty_since_ms = now;
		int64_t left = relay->retired ? 0 : relay->empty_since_ms + LINGER_MS - now;
		relay->quit = relay->quit || left <= 0;
		return left > 0 ? (int)left : 0;
	}
	relay->empty_since_ms = 0;
	if (relay->starved && now >= relay->feed_ms)
		tcp_feed(relay);
	int64_t next = relay->caller_count > 0 ? relay->sweep_ms : INT64_MAX;
	if (relay->starved && relay->feed_ms < next)
		next = relay->feed_ms;
	return next == INT64_MAX ? -1 : (int)(next - now);
}

static void relay_close(struct relay *relay)
{
	while (relay->ports)
		port_drop(relay->ports);
	free_remains(relay);
	relay_dismiss(relay);
	source_close(relay->epfd, &relay->signals);
	source_close(relay->epfd, &relay->listener);
	while (relay->spare_pipe_count > 0) {
		int *ends = relay->spare_pipes[--relay->spare_pipe_count];
		close(ends[0]);
		close(ends[1]);
	}
	close(relay->epfd);
}

int relay_run(struct relay *relay)
{
	struct epoll_event events[EVENTS_PER_TURN];
	/* not before the fork: epoll would tell of the parent's signals */
	int err = relay_watch_signals(relay);
	if (err < 0)
		shim_log("relay: SIGUSR1: %s", strerror(-err));
	err = 0;
	for (int wait = tick(relay); !relay->quit; wait = tick(relay)) {
		int count = epoll_wait(relay->epfd, events, EVENTS_PER_TURN, wait);
		if (count < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;
			/* a source that an earlier one of this turn has closed still is in the list */
			if (source->watched)
				source->ready(NULL, source, events[i].events);
		}
		free_remains(relay);
	}
	relay_leave(relay);
	relay_close(relay);
	return err;
}

/* Each connection takes up to six descriptors. */
static void raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int relay_main(int argc, char **argv)
{
	struct relay relay;
	const char *socket_path = NULL, *log_path = NULL, *from_path = NULL;
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--socket") == 0)
			socket_path = argv[i + 1];
		else if (strcmp(argv[i], "--log") == 0)
			log_path = argv[i + 1];
		else if (strcmp(argv[i], "--from") == 0)
			from_path = argv[i + 1];
	}
	if (!socket_path) {
		fprintf(stderr, "wharf-shim relay: --socket: is required\n");
		return 2;
	}
	close_range(3, ~0U, 0);
	raise_limit();
	int err = from_path ? relay_follow(&relay, from_path, socket_path) : relay_open(&relay, socket_path);
	if (err < 0) {
		fprintf(stderr, "wharf-shim relay: %s: %s\n", socket_path, strerror(-err));
		return 2;
	}
	/* the child can't fail any more, so the parent's end tells that the socket listens */
	pid_t pid = fork();
	if (pid < 0)
		return 2;
	if (pid > 0)
		_exit(0);
	setsid();
	redirect_stdio(log_path);
	if (chdir("/") < 0)
		shim_log("relay: /: %s", strerror(errno));
	prctl(PR_SET_NAME, "wharf-relay");
	signal(SIGPIPE, SIG_IGN);
	err = relay_run(&relay);
	if (err < 0)
		shim_log("relay: %s", strerror(-err));
	return err < 0;
}
