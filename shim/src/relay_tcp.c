#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>

#include "relay.h"
#include "util.h"

#define ACCEPTS_PER_TURN 16
/* So that one that is busy leaves the others their turn. */
#define MOVES_PER_TURN 8
#define PIECE (1024 * 1024)
#define FEED_AFTER_MS 1000
/* Whoever is gone without a word is found out: asked after so many seconds of silence, and that often again. */
#define ALIVE_AFTER_S 15
#define ALIVE_EVERY_S 15

/* One of the two sockets of a connection, and the bytes that came from it on their way to the other, which stay in the kernel. */
struct end {
	struct source source;
	struct pair *pair;
	int pipe[2];
	size_t waiting;
	/* nothing more comes from here; and the other has been told */
	bool ended;
	bool told;
};

/* A caller, and the container that it was connected with. Buried as one by its caller's end, which is the first member. */
struct pair {
	struct end ends[2];
	struct port *port;
	struct pair *next;
	struct pair *previous;
	bool connecting;
};

enum { CALLER, CONTAINER };

static void pipe_give_back(struct relay *relay, struct end *end)
{
	if (end->pipe[0] < 0)
		return;
	if (end->waiting == 0 && relay->spare_pipe_count < RELAY_SPARE_PIPES) {
		memcpy(relay->spare_pipes[relay->spare_pipe_count++], end->pipe, sizeof(end->pipe));
	} else {
		close(end->pipe[0]);
		close(end->pipe[1]);
	}
	end->pipe[0] = end->pipe[1] = -1;
}

/* Connections that are quiet have no pipes. */
static int pipe_take(struct relay *relay, struct end *end)
{
	if (end->pipe[0] >= 0)
		return 0;
	if (relay->spare_pipe_count > 0) {
		memcpy(end->pipe, relay->spare_pipes[--relay->spare_pipe_count], sizeof(end->pipe));
		return 0;
	}
	if (pipe2(end->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		end->pipe[0] = end->pipe[1] = -1;
		return -errno;
	}
	/* where it may not be so large it stays smaller */
	fcntl(end->pipe[1], F_SETPIPE_SZ, PIECE);
	return 0;
}

static void pair_close(struct pair *pair)
{
	struct relay *relay = pair->port->relay;
	if (pair->previous)
		pair->previous->next = pair->next;
	else
		pair->port->pairs = pair->next;
	if (pair->next)
		pair->next->previous = pair->previous;
	for (size_t i = 0; i < ARRAY_LEN(pair->ends); i++)
		pipe_give_back(relay, &pair->ends[i]);
	source_close(relay->epfd, &pair->ends[CONTAINER].source);
	relay_bury(relay, pair);
	tcp_feed(relay);
}

void tcp_cut(struct port *port)
{
	while (port->pairs)
		pair_close(port->pairs);
}

void tcp_feed(struct relay *relay)
{
	if (!relay->starved)
		return;
	relay->starved = false;
	for (struct port *port = relay->ports; port; port = port->next) {
		if (!port->udp && port->target.any.sa_family != AF_UNSPEC)
			source_watch(relay->epfd, &port->source, EPOLLIN);
	}
}

/* Moves what there is from one to the other. Negative: the connection is over. */
static int move(struct relay *relay, struct end *from, struct end *to)
{
	for (int i = 0; i < MOVES_PER_TURN; i++) {
		if (from->waiting == 0 && !from->ended) {
			int err = pipe_take(relay, from);
			if (err < 0)
				return err;
			ssize_t n = splice(from->source.fd, NULL, from->pipe[1], NULL, PIECE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return -errno;
			if (n < 0)
				break;
			from->ended = n == 0;
			from->waiting = (size_t)n;
		}
		if (from->waiting == 0)
			break;
		ssize_t n = splice(from->pipe[0], NULL, to->source.fd, NULL, from->waiting, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= 0)
			break;
		from->waiting -= (size_t)n;
	}
	if (from->waiting == 0)
		pipe_give_back(relay, from);
	if (from->ended && from->waiting == 0 && !from->told) {
		shutdown(to->source.fd, SHUT_WR);
		from->told = true;
	}
	return 0;
}

/* Waits for what is missing. An end of which nothing is wanted is not watched at all, or its hangup would be told for ever. */
static int pair_watch(struct pair *pair)
{
	int epfd = pair->port->relay->epfd;
	for (int i = 0; i < 2; i++) {
		struct end *end = &pair->ends[i], *other = &pair->ends[!i];
		uint32_t events = 0;
		if (!pair->connecting && !end->ended && end->waiting == 0)
			events |= EPOLLIN;
		if (other->waiting > 0 || (pair->connecting && i == CONTAINER))
			events |= EPOLLOUT;
		if (events == 0) {
			source_unwatch(epfd, &end->source);
			continue;
		}
		int err = source_watch(epfd, &end->source, events);
		if (err < 0)
			return err;
	}
	return 0;
}

static int socket_error(int fd)
{
	int err = 0;
	socklen_t length = sizeof(err);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length) < 0 ? errno : err;
}

static void on_end(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	struct pair *pair = ((struct end *)source)->pair;
	struct relay *relay = pair->port->relay;
	struct end *caller = &pair->ends[CALLER], *container = &pair->ends[CONTAINER];
	if ((events & (EPOLLERR | EPOLLHUP)) && socket_error(source->fd) != 0) {
		pair_close(pair);
		return;
	}
	if (pair->connecting && source == &container->source)
		pair->connecting = false;
	if (pair->connecting)
		return;
	if (move(relay, caller, container) < 0 || move(relay, container, caller) < 0 || (caller->told && container->told) ||
	    pair_watch(pair) < 0)
		pair_close(pair);
}

static void end_open(struct end *end, struct pair *pair, int fd)
{
	int on = 1, after = ALIVE_AFTER_S, every = ALIVE_EVERY_S;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after, sizeof(after));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	*end = (struct end){ .source = { .fd = fd, .ready = on_end }, .pair = pair, .pipe = { -1, -1 } };
}

static void join(struct port *port, int caller)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int container = pair ? socket(port->target.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
	if (container < 0) {
		free(pair);
		close(caller);
		return;
	}
	end_open(&pair->ends[CALLER], pair, caller);
	end_open(&pair->ends[CONTAINER], pair, container);
	pair->port = port;
	pair->connecting = true;
	pair->next = port->pairs;
	if (pair->next)
		pair->next->previous = pair;
	port->pairs = pair;
	int failed = connect(container, &port->target.any, address_length(&port->target)) < 0 && errno != EINPROGRESS;
	if (failed || pair_watch(pair) < 0)
		pair_close(pair);
}

void tcp_accept(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct port *port = (struct port *)source;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0 && port->target.any.sa_family == AF_UNSPEC) {
			close(fd);
			continue;
		}
		if (fd >= 0) {
			join(port, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			port->relay->starved = true;
			port->relay->feed_ms = monotonic_ms() + FEED_AFTER_MS;
			source_unwatch(port->relay->epfd, source);
		}
		return;
	}
}
