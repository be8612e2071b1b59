/*
 * The relay: one process that keeps ports of the host, and passes on what comes there where the kernel's address translation can't. It is
 * `wharf-shim relay --socket PATH [--log PATH] [--from PATH]`, belongs to no daemon, and ends when it has had no port for a moment.
 * With --from it takes over the ports of the relay that listens there, which retires. On SIGUSR1 it listens again where its socket is gone.
 *
 * A daemon connects to the socket and sends lines, each of which is answered by one; KEY is a word of the daemon's own:
 *
 *   hello                          relay VERSION PID
 *   add KEY PROTO ADDRESS PORT     ok | err WHY      with a bound socket of tcp, udp or (kept only) sctp
 *   lead KEY ADDRESS PORT          ok | err WHY      from now on to there; those who use it are cut
 *   drop KEY                       ok                the port is free, those who use it are cut
 *   list                           port KEY ADDRESS PORT, one line each, and then: end
 *   give                           port KEY PROTO ADDRESS PORT, one line each with a copy of its socket, and then: end
 *   retire                         ok | err WHY      from now on it takes no callers, keeps no port, listens at PATH.PID, and ends with the last
 *                                                    of those who still use a port; drop cuts them
 *   quit                           the end of the connection and of the process, with all its ports
 *
 * hello, give, retire and quit are the same in all versions from 2 on, so that any two relays can follow each other.
 * With `- 0` for ADDRESS and PORT the port is only kept, so that nobody else gets it, and nobody is heard there.
 */
#ifndef WHARF_RELAY_H
#define WHARF_RELAY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop.h"

#define RELAY_KEY_MAX 96
#define RELAY_LINE_MAX 256
#define RELAY_WORDS_MAX 5
/* what a daemon may send before it has read answers */
#define RELAY_LINES_MAX 16384
#define RELAY_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)
#define RELAY_CALLER_BUCKETS 64
#define RELAY_SPARE_PIPES 16

struct relay;
struct pair;
struct caller;

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* A socket of the host's and where it leads. */
struct port {
	struct source source;
	struct relay *relay;
	struct port *next;
	char key[RELAY_KEY_MAX];
	bool udp;
	/* of no family: it leads nowhere */
	union address target;
	/* who uses it; callers are in buckets, once there are any */
	struct pair *pairs;
	struct caller **callers;
	int caller_count;
};

/* Memory that an event of this turn may still point to. */
struct remains {
	struct remains *next;
};

struct relay {
	int epfd;
	/* where daemons connect, and the last that did */
	struct source listener;
	char path[RELAY_PATH_MAX];
	ino_t inode;
	struct source daemon;
	/* what it has sent and is to be answered yet, and the descriptor that came with the last of it, or -1 */
	char lines[RELAY_LINES_MAX];
	size_t lines_length;
	int lines_fd;
	/* what it is to be told yet, and with it a copy of a port's socket, or -1; then the rest of a list */
	char answer[RELAY_LINE_MAX];
	size_t answer_length;
	int answer_fd;
	enum { NO_LIST, LIST_PORTS, LIST_SOCKETS } listing;
	struct port *listed;
	struct source signals;
	/* another one has the ports */
	bool retired;
	struct port *ports;
	struct remains *remains;
	int spare_pipes[RELAY_SPARE_PIPES][2];
	int spare_pipe_count;
	/* no descriptor was left for a caller, so none are taken until one is given back, or until then: it may be others who have them all */
	bool starved;
	int64_t feed_ms;
	bool quit;
	int64_t empty_since_ms;
	/* of all ports, and when they are looked at next */
	int caller_count;
	int64_t sweep_ms;
};

/* wharf-shim's main once its first argument is `relay`; returns an exit status. */
int relay_main(int argc, char **argv);

/* The parts of relay_main, for tests. */
int relay_open(struct relay *relay, const char *socket_path);
int relay_run(struct relay *relay);

/* As relay_open, with the ports of the relay that listens at `from`. Negative: that one goes on, as if nobody had asked. */
int relay_follow(struct relay *relay, const char *from, const char *socket_path);
/* Leaves the ports to another relay; see above. */
int relay_retire(struct relay *relay);

/* Listens there instead of where it did; the daemon that it is connected with is kept. */
int relay_listen(struct relay *relay, const char *path);
/* The same without a moment in which nobody does. */
int relay_move(struct relay *relay, const char *path);
/* Takes the socket away, unless it is another's by now. */
void relay_leave(struct relay *relay);
/* SIGUSR1, which relay_open has blocked. */
int relay_watch_signals(struct relay *relay);

/* `- 0` is an address of no family. -EINVAL for what is no address. */
int address_parse(union address *address, const char *host, const char *port);
socklen_t address_length(const union address *address);
void address_format(const union address *address, char host[INET6_ADDRSTRLEN], uint16_t *port);

/* Takes the descriptor over, also when it fails. */
int port_add(struct relay *relay, const char *key, bool udp, const union address *target, int fd);
struct port *port_find(struct relay *relay, const char *key);
int port_lead(struct port *port, const union address *target);
void port_drop(struct port *port);

/* Cuts a line into its words, of which more are left out; returns how many. */
size_t relay_words(char *line, char *words[RELAY_WORDS_MAX]);

/* Lines of a daemon. */
int relay_watch_daemons(struct relay *relay);
void relay_dismiss(struct relay *relay);

/* Frees it after this turn. Its first member is a struct source, which is closed. */
void relay_bury(struct relay *relay, void *dead);

/* A port that is ready, and the end of all its users. */
void tcp_accept(struct shim *unused, struct source *source, uint32_t events);
void tcp_cut(struct port *port);
/* Takes callers again. */
void tcp_feed(struct relay *relay);
void udp_receive(struct shim *unused, struct source *source, uint32_t events);
void udp_cut(struct port *port);
/* Asks for what udp_receive needs to know of a datagram. */
void udp_prepare(int fd);
/* Forgets callers that are silent. */
void udp_sweep(struct port *port, int64_t now_ms);

#endif
