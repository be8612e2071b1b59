#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "passfd.h"
#include "unixsocket.h"
#include "util.h"

#define BULK (8 << 20)

static char path[64];

static pid_t start_relay(bool follows)
{
	struct relay relay;
	int ready[2];
	char byte;
	CHECK(pipe(ready) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(close_all_but(ready[1], ready[1]) == 0);
		signal(SIGPIPE, SIG_IGN);
		CHECK((follows ? relay_follow(&relay, path, path) : relay_open(&relay, path)) == 0);
		CHECK(write(ready[1], "", 1) == 1);
		close(ready[1]);
		exit(relay_run(&relay) < 0);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static int dial_relay(void)
{
	int fd = unix_dial(path, 0);
	CHECK(fd >= 0);
	return fd;
}

/* Sends lines, and a descriptor with them unless it is negative, and reads until so many lines have come. */
static const char *ask(int daemon, const char *lines, int fd, int answers)
{
	static char text[4096];
	size_t length = 0;
	if (fd >= 0)
		CHECK(send_with_fd(daemon, lines, strlen(lines), fd) == 0);
	else
		CHECK(send(daemon, lines, strlen(lines), 0) == (ssize_t)strlen(lines));
	for (int got = 0; got < answers;) {
		CHECK(recv(daemon, text + length, 1, 0) == 1);
		got += text[length++] == '\n';
	}
	text[length] = '\0';
	return text;
}

static void check_hello(int daemon, pid_t relay)
{
	char expected[64];
	snprintf(expected, sizeof(expected), "relay 2 %d\n", (int)relay);
	CHECK_TEXT(ask(daemon, "hello\n", -1, 1), expected);
}

/* A socket of the loopback with a port of the kernel's choosing. */
static int bound(int family, int type, uint16_t *port)
{
	union address address = { .any.sa_family = (sa_family_t)family };
	if (family == AF_INET6)
		address.v6.sin6_addr = in6addr_loopback;
	else
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(family, type, 0);
	CHECK(fd >= 0 && bind(fd, &address.any, address_length(&address)) == 0);
	socklen_t length = sizeof(address);
	CHECK(getsockname(fd, &address.any, &length) == 0);
	*port = ntohs(family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
	return fd;
}

/* A socket that is connected to a port of ::1, or -1. */
static int dial(int type, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, type, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void expect(int fd, const char *text)
{
	char buffer[64] = { 0 };
	size_t length = 0;
	while (length < strlen(text)) {
		ssize_t n = recv(fd, buffer + length, sizeof(buffer) - 1 - length, 0);
		CHECK(n > 0);
		length += (size_t)n;
	}
	CHECK_TEXT(buffer, text);
}

static void say(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static void test_tcp(uint16_t port, int server)
{
	int caller = dial(SOCK_STREAM, port), container = accept(server, NULL, NULL);
	char rest;
	CHECK(caller >= 0 && container >= 0);
	say(caller, "ping");
	expect(container, "ping");
	/* each side ends in its own time */
	CHECK(shutdown(caller, SHUT_WR) == 0);
	CHECK(recv(container, &rest, 1, 0) == 0);
	say(container, "pong");
	expect(caller, "pong");
	close(container);
	CHECK(recv(caller, &rest, 1, 0) == 0);
	close(caller);
}

static uint16_t port_of(int fd, bool peer)
{
	union address address;
	socklen_t length = sizeof(address);
	CHECK((peer ? getpeername : getsockname)(fd, &address.any, &length) == 0);
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* Whether the kernel looks after a connection that is silent; the table is /proc/net/tcp or tcp6. */
static bool kept_alive(const char *table, uint16_t local, uint16_t remote)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(table, "r");
	CHECK(file);
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned from, to, timer;
		int count = sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %*x %*x:%*x %x:", &from, &to, &timer);
		found = count == 3 && from == local && to == remote && timer == 2;
	}
	fclose(file);
	return found;
}

static void test_keepalive(uint16_t port, int server)
{
	int caller = dial(SOCK_STREAM, port), container = accept(server, NULL, NULL);
	CHECK(kept_alive("/proc/net/tcp6", port, port_of(caller, false)));
	CHECK(kept_alive("/proc/net/tcp", port_of(container, true), port_of(container, false)));
	close(caller);
	close(container);
}

/* The descriptors have run out, and nothing that the relay has will give one back; it has had no connection yet. */
static void test_starved(pid_t relay, int daemon, uint16_t port, int server)
{
	char fd_path[64];
	struct rlimit limit, low;
	struct pollfd waiting = { .fd = server, .events = POLLIN };
	int lowest_free = 0;
	do
		snprintf(fd_path, sizeof(fd_path), "/proc/%d/fd/%d", (int)relay, lowest_free);
	while (access(fd_path, F_OK) == 0 && ++lowest_free);
	CHECK(prlimit(relay, RLIMIT_NOFILE, NULL, &limit) == 0);
	low = (struct rlimit){ (rlim_t)lowest_free, limit.rlim_max };
	CHECK(prlimit(relay, RLIMIT_NOFILE, &low, NULL) == 0);
	int caller = dial(SOCK_STREAM, port);
	/* asked after the caller, so it was met before the answer */
	check_hello(daemon, relay);
	CHECK(poll(&waiting, 1, 0) == 0);
	CHECK(prlimit(relay, RLIMIT_NOFILE, &limit, NULL) == 0);
	CHECK(poll(&waiting, 1, 30000) == 1);
	close(accept(server, NULL, NULL));
	close(caller);
}

/* More than all buffers hold, to a reader that comes late, by a writer that hangs up at once. */
static void test_bulk(uint16_t port, int server)
{
	static char piece[1 << 16];
	int caller = dial(SOCK_STREAM, port), container = accept(server, NULL, NULL);
	pid_t writer = fork();
	if (writer == 0) {
		for (size_t sent = 0; sent < BULK; sent += sizeof(piece)) {
			memset(piece, (int)(sent >> 16), sizeof(piece));
			for (size_t at = 0; at < sizeof(piece);) {
				ssize_t n = send(container, piece + at, sizeof(piece) - at, 0);
				if (n < 0)
					_Exit(1);
				at += (size_t)n;
			}
		}
		_Exit(0);
	}
	close(container);
	CHECK(shutdown(caller, SHUT_WR) == 0);
	for (size_t got = 0; got < BULK; got += sizeof(piece)) {
		CHECK(recv(caller, piece, sizeof(piece), MSG_WAITALL) == sizeof(piece));
		CHECK(piece[0] == (char)(got >> 16) && piece[sizeof(piece) - 1] == piece[0]);
	}
	CHECK(recv(caller, piece, 1, 0) == 0);
	close(caller);
	int status;
	CHECK(waitpid(writer, &status, 0) == writer && status == 0);
}

static void test_udp(uint16_t port, int server)
{
	char buffer[16];
	union address from;
	int callers[] = { dial(SOCK_DGRAM, port), dial(SOCK_DGRAM, port) };
	say(callers[0], "one");
	say(callers[1], "two");
	for (int i = 0; i < 2; i++) {
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(server, buffer, sizeof(buffer), 0, &from.any, &length);
		CHECK(n == 3);
		CHECK(sendto(server, buffer, 3, 0, &from.any, length) == 3);
	}
	expect(callers[0], "one");
	expect(callers[1], "two");
	close(callers[0]);
	close(callers[1]);
}

/* More callers than are remembered, each with one question, as those of a name server. */
static void test_many_udp(uint16_t port, int server)
{
	char buffer[16];
	union address from;
	struct rlimit limit;
	struct pollfd waiting = { .fd = server, .events = POLLIN };
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < 2048)
		return;
	for (int i = 0; i < 1100; i++) {
		int caller = dial(SOCK_DGRAM, port);
		socklen_t length = sizeof(from);
		say(caller, "who");
		CHECK(poll(&waiting, 1, 30000) == 1);
		ssize_t n = recvfrom(server, buffer, sizeof(buffer), 0, &from.any, &length);
		CHECK(n == 3 && sendto(server, "me", 2, 0, &from.any, length) == 2);
		expect(caller, "me");
		close(caller);
	}
}

/* So many ports that a list does not fit into what the kernel keeps for a daemon that does not read. */
static void test_long_list(int daemon, int kept, uint16_t port, int server)
{
	enum { COUNT = 900 };
	char line[256], byte;
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < 2 * COUNT)
		return;
	for (int i = 0; i < COUNT; i++) {
		snprintf(line, sizeof(line), "add kept/%d/%070d sctp - 0\n", i, 0);
		CHECK_TEXT(ask(daemon, line, kept, 1), "ok\n");
	}
	CHECK_TEXT(ask(daemon, "list\nhello\n", -1, 0), "");
	/* others have their turn meanwhile; asked by itself it would have been answered by now */
	test_tcp(port, server);
	/* there are three others, and the end; the next request is answered after it */
	for (int lines = 0; lines < COUNT + 4; lines += byte == '\n')
		CHECK(recv(daemon, &byte, 1, 0) == 1);
	CHECK(strncmp(ask(daemon, "", -1, 1), "relay 2 ", 8) == 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(line, sizeof(line), "drop kept/%d/%070d\n", i, 0);
		CHECK_TEXT(ask(daemon, line, -1, 1), "ok\n");
	}
}

static void receive_datagram(int server, const char *text, union address *from)
{
	char buffer[16] = { 0 };
	socklen_t length = sizeof(*from);
	CHECK(recvfrom(server, buffer, sizeof(buffer) - 1, 0, &from->any, &length) == (ssize_t)strlen(text));
	CHECK_TEXT(buffer, text);
}

static void answer_datagram(int server, const char *text, const union address *to)
{
	CHECK(sendto(server, text, strlen(text), 0, &to->any, address_length(to)) == (ssize_t)strlen(text));
}

/* Another relay takes the ports over while they are used, and returns its pid. */
static pid_t test_follow(pid_t relay, uint16_t tcp, int tcp_server, uint16_t udp, int udp_server)
{
	char line[256], retired_path[128], rest;
	union address former, latter;
	int status;
	int daemon = dial_relay();
	/* one that is in the queue of the socket by then, one that is in use, and one that is cut later */
	int caller = dial(SOCK_STREAM, tcp), container = accept(tcp_server, NULL, NULL);
	int kept = dial(SOCK_DGRAM, udp);
	say(caller, "before");
	expect(container, "before");
	say(kept, "one");
	receive_datagram(udp_server, "one", &former);
	const char *ports = ask(daemon, "list\n", -1, 4);
	snprintf(line, sizeof(line), "%s", ports);
	close(daemon);

	pid_t next = start_relay(true);
	CHECK(next > 0 && kill(relay, 0) == 0);
	daemon = dial_relay();
	check_hello(daemon, next);
	ports = ask(daemon, "list\n", -1, 4);
	/* the same, and the last comes first */
	CHECK(strlen(ports) == strlen(line) && strstr(ports, "port kept - 0\n") && strstr(ports, "port tcp/a 127.0.0.1"));
	snprintf(retired_path, sizeof(retired_path), "%s.%d", path, (int)relay);
	int retired = unix_dial(retired_path, 0);
	CHECK(retired >= 0);
	check_hello(retired, relay);
	CHECK_TEXT(ask(retired, "retire\n", -1, 1), "ok\n");
	CHECK_TEXT(ask(retired, "give\n", -1, 1), "err Invalid argument\n");
	CHECK_TEXT(ask(retired, "add tcp/b tcp - 0\n", tcp_server, 1), "err Invalid argument\n");

	/* what was begun goes on, and what comes is the new one's */
	say(caller, "after");
	expect(container, "after");
	say(container, "back");
	expect(caller, "back");
	answer_datagram(udp_server, "answer", &former);
	expect(kept, "answer");
	say(kept, "two");
	receive_datagram(udp_server, "two", &latter);
	CHECK(memcmp(&former, &latter, sizeof(former)) != 0);
	answer_datagram(udp_server, "second", &latter);
	expect(kept, "second");
	test_tcp(tcp, tcp_server);
	test_udp(udp, udp_server);

	/* a port that is free for others is free in both */
	CHECK_TEXT(ask(retired, "drop udp/a\n", -1, 1), "ok\n");
	int second = dial(SOCK_STREAM, tcp), served = accept(tcp_server, NULL, NULL);
	CHECK_TEXT(ask(retired, "drop tcp/a\n", -1, 1), "ok\n");
	CHECK(recv(container, &rest, 1, 0) <= 0);
	CHECK(waitpid(relay, &status, 0) == relay && status == 0);
	CHECK(access(retired_path, F_OK) < 0);
	say(second, "still");
	expect(served, "still");
	close(second);
	close(served);
	close(caller);
	close(container);
	close(kept);
	close(retired);
	close(daemon);
	return next;
}

/* The last one who uses a port of a retired relay ends it by leaving; those who sent datagrams are forgotten later. */
static pid_t test_last_user(pid_t relay, uint16_t tcp, int tcp_server)
{
	char retired_path[128];
	int status;
	int caller = dial(SOCK_STREAM, tcp), container = accept(tcp_server, NULL, NULL);
	pid_t next = start_relay(true);
	snprintf(retired_path, sizeof(retired_path), "%s.%d", path, (int)relay);
	int retired = unix_dial(retired_path, 0);
	CHECK_TEXT(ask(retired, "drop udp/a\n", -1, 1), "ok\n");
	say(caller, "on");
	expect(container, "on");
	close(caller);
	close(container);
	CHECK(waitpid(relay, &status, 0) == relay && status == 0);
	close(retired);
	return next;
}

static int dial_when_there(void)
{
	for (int i = 0; i < 3000; i++) {
		int fd = unix_dial(path, 0);
		if (fd >= 0)
			return fd;
		usleep(10000);
	}
	return -1;
}

/* Its socket is taken away. */
static void test_lost_socket(pid_t relay)
{
	CHECK(unlink(path) == 0 && kill(relay, SIGUSR1) == 0);
	int daemon = dial_when_there();
	check_hello(daemon, relay);
	/* nothing is to be done where it is in place */
	CHECK(kill(relay, SIGUSR1) == 0);
	check_hello(daemon, relay);
	close(daemon);
}

/* Another relay has taken the place of one that could not be reached. */
static void test_usurped(void)
{
	int status;
	pid_t lost = start_relay(false);
	CHECK(unlink(path) == 0);
	pid_t other = start_relay(false);
	CHECK(kill(lost, SIGUSR1) == 0);
	CHECK(waitpid(lost, &status, 0) == lost && status == 0);
	int daemon = dial_relay();
	check_hello(daemon, other);
	CHECK(send(daemon, "quit\n", 5, 0) == 5);
	CHECK(waitpid(other, &status, 0) == other && status == 0);
	close(daemon);
}

int main(void)
{
	char line[256];
	uint16_t tcp, udp, tcp_target, udp_target, other_target, unserved;
	struct stat none;
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	snprintf(path, sizeof(path), "/tmp/relay-test-%d.sock", (int)getpid());
	pid_t relay = start_relay(false);
	int daemon = dial_relay();
	check_hello(daemon, relay);

	int tcp_server = bound(AF_INET, SOCK_STREAM, &tcp_target), udp_server = bound(AF_INET, SOCK_DGRAM, &udp_target);
	int other = bound(AF_INET, SOCK_STREAM, &other_target), nobody = bound(AF_INET, SOCK_STREAM, &unserved);
	CHECK(listen(tcp_server, 16) == 0 && listen(other, 16) == 0);
	int tcp_fd = bound(AF_INET6, SOCK_STREAM, &tcp), udp_fd = bound(AF_INET6, SOCK_DGRAM, &udp);
	/* the descriptor is that of the last line that was sent by then */
	snprintf(line, sizeof(line), "drop tcp/x\nadd tcp/a tcp 127.0.0.1 %u\n", tcp_target);
	CHECK_TEXT(ask(daemon, line, tcp_fd, 2), "ok\nok\n");
	snprintf(line, sizeof(line), "add udp/a udp 127.0.0.1 %u\n", udp_target);
	CHECK_TEXT(ask(daemon, line, udp_fd, 1), "ok\n");
	close(tcp_fd);
	close(udp_fd);
	test_starved(relay, daemon, tcp, tcp_server);
	test_tcp(tcp, tcp_server);
	test_keepalive(tcp, tcp_server);
	test_bulk(tcp, tcp_server);
	test_udp(udp, udp_server);
	test_many_udp(udp, udp_server);

	CHECK_TEXT(ask(daemon, "add a tcp 127.0.0.1 80\n", -1, 1), "err Invalid argument\n");
	CHECK_TEXT(ask(daemon, "add a tcp 127.0.0.300 80\n", nobody, 1), "err Invalid argument\n");
	CHECK_TEXT(ask(daemon, "add a udp 127.0.0.1 80\n", nobody, 1), "err Protocol wrong type for socket\n");
	CHECK_TEXT(ask(daemon, "lead tcp/x 127.0.0.1 80\n", -1, 1), "err No such file or directory\n");
	CHECK_TEXT(ask(daemon, "\n", -1, 1), "err Invalid argument\n");

	/* it goes on without a daemon, and the next one is told what there is */
	close(daemon);
	test_tcp(tcp, tcp_server);
	daemon = dial_relay();
	snprintf(line, sizeof(line), "port udp/a 127.0.0.1 %u\nport tcp/a 127.0.0.1 %u\nend\n", udp_target, tcp_target);
	CHECK_TEXT(ask(daemon, "list\n", -1, 3), line);

	snprintf(line, sizeof(line), "lead tcp/a 127.0.0.1 %u\n", unserved);
	CHECK_TEXT(ask(daemon, line, -1, 1), "ok\n");
	int refused = dial(SOCK_STREAM, tcp);
	char rest;
	CHECK(recv(refused, &rest, 1, 0) <= 0);
	close(refused);
	snprintf(line, sizeof(line), "lead tcp/a 127.0.0.1 %u\n", other_target);
	CHECK_TEXT(ask(daemon, line, -1, 1), "ok\n");
	test_tcp(tcp, other);
	/* kept only, and served again */
	CHECK_TEXT(ask(daemon, "lead tcp/a - 0\n", -1, 1), "ok\n");
	refused = dial(SOCK_STREAM, tcp);
	CHECK(recv(refused, &rest, 1, 0) <= 0);
	close(refused);
	CHECK_TEXT(ask(daemon, "add kept sctp - 0\n", nobody, 1), "ok\n");
	CHECK_TEXT(ask(daemon, "lead udp/a - 0\nlist\n", -1, 5),
		   "ok\nport kept - 0\nport udp/a - 0\nport tcp/a - 0\nend\n");
	CHECK_TEXT(ask(daemon, line, -1, 1), "ok\n");
	test_tcp(tcp, other);
	snprintf(line, sizeof(line), "lead udp/a 127.0.0.1 %u\n", udp_target);
	CHECK_TEXT(ask(daemon, line, -1, 1), "ok\n");
	test_long_list(daemon, nobody, tcp, other);
	close(daemon);
	relay = test_follow(relay, tcp, other, udp, udp_server);
	relay = test_last_user(relay, tcp, other);
	test_lost_socket(relay);
	daemon = dial_relay();

	/* who uses it is cut, and nobody is heard any more */
	int caller = dial(SOCK_STREAM, tcp), container = accept(other, NULL, NULL);
	CHECK_TEXT(ask(daemon, "drop tcp/a\n", -1, 1), "ok\n");
	CHECK(recv(container, &rest, 1, 0) <= 0);
	CHECK(dial(SOCK_STREAM, tcp) < 0 && errno == ECONNREFUSED);
	close(caller);
	close(container);

	int status;
	CHECK(send(daemon, "quit\n", 5, 0) == 5);
	CHECK(waitpid(relay, &status, 0) == relay && status == 0);
	CHECK(stat(path, &none) < 0);
	test_usurped();
	return 0;
}
