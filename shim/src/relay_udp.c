#include <errno.h>
#include <string.h>

#include "relay.h"
#include "util.h"

#define DATAGRAMS_PER_TURN 64
/* Of a port. One more, and that which has been silent for longest is forgotten: most have had their answer by then. */
#define CALLERS_MAX 1024
#define IDLE_MS 90000

/* The address of this host that a datagram came to, which is where its answers have to come from; as the kernel tells it. */
struct local {
	int level;
	union {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
	} info;
};

struct caller {
	/* a socket of its own, connected to the container, so that answers find back */
	struct source source;
	struct port *port;
	struct caller *next;
	union address address;
	struct local local;
	int64_t heard_ms;
};

static char datagram[65536];

void udp_prepare(int fd)
{
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static ssize_t receive_from(int fd, union address *from, struct local *local)
{
	union control control;
	struct iovec piece = { datagram, sizeof(datagram) };
	struct msghdr message = { .msg_name = from, .msg_namelen = sizeof(*from), .msg_iov = &piece, .msg_iovlen = 1,
				  .msg_control = &control, .msg_controllen = sizeof(control) };
	memset(from, 0, sizeof(*from));
	memset(local, 0, sizeof(*local));
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
	if (n < 0)
		return n;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
			memcpy(&local->info.v4, CMSG_DATA(header), sizeof(local->info.v4));
			/* what matters is ipi_spec_dst; the way back is whichever there is */
			local->info.v4.ipi_addr.s_addr = 0;
			local->info.v4.ipi_ifindex = 0;
			local->level = IPPROTO_IP;
		} else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
			memcpy(&local->info.v6, CMSG_DATA(header), sizeof(local->info.v6));
			if (!IN6_IS_ADDR_LINKLOCAL(&local->info.v6.ipi6_addr))
				local->info.v6.ipi6_ifindex = 0;
			local->level = IPPROTO_IPV6;
		}
	}
	return n;
}

static void send_back(const struct caller *caller, size_t size)
{
	union control control;
	bool v4 = caller->local.level == IPPROTO_IP;
	size_t length = v4 ? sizeof(caller->local.info.v4) : sizeof(caller->local.info.v6);
	struct iovec piece = { datagram, size };
	struct msghdr message = { .msg_name = (void *)&caller->address, .msg_namelen = address_length(&caller->address),
				  .msg_iov = &piece, .msg_iovlen = 1 };
	if (caller->local.level != 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(length);
		control.header.cmsg_level = caller->local.level;
		control.header.cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
		control.header.cmsg_len = CMSG_LEN(length);
		memcpy(CMSG_DATA(&control.header), &caller->local.info, length);
	}
	/* what can't be sent is lost, as datagrams are */
	sendmsg(caller->port->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static struct caller **bucket_of(struct port *port, const union address *address)
{
	const unsigned char *bytes = (const unsigned char *)address;
	uint32_t hash = 2166136261u;
	for (socklen_t i = 0; i < address_length(address); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return &port->callers[hash % RELAY_CALLER_BUCKETS];
}

static void forget(struct caller *caller)
{
	struct port *port = caller->port;
	struct caller **link = bucket_of(port, &caller->address);
	while (*link != caller)
		link = &(*link)->next;
	*link = caller->next;
	port->caller_count--;
	port->relay->caller_count--;
	relay_bury(port->relay, caller);
	tcp_feed(port->relay);
}

/* What the container answers. A refusal means that there is nobody, for now. */
static void on_answer(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct caller *caller = (struct caller *)source;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		ssize_t n = recv(source->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				forget(caller);
			return;
		}
		caller->heard_ms = monotonic_ms();
		send_back(caller, (size_t)n);
	}
}

static struct caller *most_silent(const struct port *port)
{
	struct caller *found = NULL;
	for (size_t i = 0; i < RELAY_CALLER_BUCKETS; i++) {
		for (struct caller *caller = port->callers[i]; caller; caller = caller->next) {
			if (!found || caller->heard_ms <= found->heard_ms)
				found = caller;
		}
	}
	return found;
}

static struct caller *admit(struct port *port, const union address *address, const struct local *local)
{
	if (port->target.any.sa_family == AF_UNSPEC)
		return NULL;
	if (!port->callers)
		port->callers = calloc(RELAY_CALLER_BUCKETS, sizeof(struct caller *));
	if (!port->callers)
		return NULL;
	if (port->caller_count >= CALLERS_MAX)
		forget(most_silent(port));
	int fd = socket(port->target.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct caller *caller = fd < 0 ? NULL : calloc(1, sizeof(*caller));
	if (caller)
		*caller = (struct caller){ .source = { .fd = fd, .ready = on_answer }, .port = port, .address = *address,
					   .local = *local };
	if (!caller || connect(fd, &port->target.any, address_length(&port->target)) < 0 ||
	    source_watch(port->relay->epfd, &caller->source, EPOLLIN) < 0) {
		free(caller);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct caller **bucket = bucket_of(port, address);
	caller->next = *bucket;
	*bucket = caller;
	port->caller_count++;
	port->relay->caller_count++;
	return caller;
}

static struct caller *find(struct port *port, const union address *address, const struct local *local)
{
	struct caller *caller = port->callers ? *bucket_of(port, address) : NULL;
	while (caller && (memcmp(&caller->address, address, sizeof(*address)) != 0 ||
			  memcmp(&caller->local, local, sizeof(*local)) != 0))
		caller = caller->next;
	return caller;
}

void udp_receive(struct shim *unused, struct source *source, uint32_t events)
{
	(void)unused;
	(void)events;
	struct port *port = (struct port *)source;
	union address from;
	struct local local;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		ssize_t n = receive_from(source->fd, &from, &local);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			continue; /* an answer that could not be delivered, told of here */
		struct caller *caller = find(port, &from, &local);
		if (!caller)
			caller = admit(port, &from, &local);
		if (!caller)
			continue;
		caller->heard_ms = monotonic_ms();
		send(caller->source.fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void forget_before(struct port *port, int64_t before_ms)
{
	for (size_t i = 0; port->callers && i < RELAY_CALLER_BUCKETS; i++) {
		struct caller *next;
		for (struct caller *caller = port->callers[i]; caller; caller = next) {
			next = caller->next;
			if (caller->heard_ms < before_ms)
				forget(caller);
		}
	}
}

void udp_cut(struct port *port)
{
	forget_before(port, INT64_MAX);
	free(port->callers);
	port->callers = NULL;
}

void udp_sweep(struct port *port, int64_t now_ms)
{
	if (port->caller_count > 0)
		forget_before(port, now_ms - IDLE_MS);
}
