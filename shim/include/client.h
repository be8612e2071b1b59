/* One connection to the shim's socket. */
#ifndef WHARF_CLIENT_H
#define WHARF_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detach.h"
#include "loop.h"
#include "outbox.h"
#include "protocol.h"

enum client_kind { CLIENT_NEW, CLIENT_CONTROL, CLIENT_ATTACH };

struct client {
	struct source source;      /* first: the loop hands it back */
	struct client *next;
	enum client_kind kind;
	bool wants[3];             /* attach: stdin, stdout, stderr */
	bool held;                 /* attach: it has not said yet where output is to go */
	int passed_fd;             /* a descriptor that came with a request, or -1 */
	bool handed;               /* source is a socket that was handed over, */
	struct source monitor;     /* and this is the connection on which it was (fd -1: that is closed) */
	size_t preface;            /* bytes of stdin that are still to come on monitor */
	struct detach detach;
	struct outbox out;         /* what the client has not read yet */
	int64_t pressed_ms;        /* since when the container waits for it, or 0 */
	bool lagging;              /* the container does not wait for it any more, until it has caught up */
	int64_t progress_ms;       /* when it last read something */
	char *in;                  /* stdin that the container has not taken yet */
	size_t in_offset;
	size_t in_length;
	bool in_eof;               /* nothing more comes from the client */
	bool ending;               /* end of file follows what is in out */
	bool lingering;            /* it has its end of file */
	bool unreadable;           /* the client reads no more */
	bool dead;                 /* to be freed at the end of the loop's turn */
	char line[PROTOCOL_LINE_MAX];
	size_t line_length;
};

/* The listening socket is readable. */
void clients_accept(struct shim *shim, struct source *source, uint32_t events);

/* Sends bytes to one client, or keeps them until it reads. */
void client_send(struct shim *shim, struct client *client, const void *data, size_t size);

/* Output to one attach client, if it wants it. */
void client_output(struct shim *shim, struct client *client, int stream, const void *data, size_t size);

/* Sends what was kept for a client. */
void client_flush(struct shim *shim, struct client *client);

/* A formatted line to one client. */
void client_reply(struct shim *shim, struct client *client, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A line to all control clients. */
void clients_announce(struct shim *shim, const char *line);

/* Output to all attach clients that want it. */
void clients_output(struct shim *shim, int stream, const void *data, size_t size);

/*
 * Moves size bytes that are in the pipe to the only client that wants them, without copying. Returns NULL if that is not
 * possible now (nothing was taken), or the client, with the number of bytes that did not fit in *rest: the caller has to
 * read them and pass them to client_send.
 */
struct client *clients_splice(struct shim *shim, int stream, int pipe, size_t size, size_t *rest);

/* How many bytes of output may be read such that every client that wants it can take them. */
size_t clients_room(const struct shim *shim, int stream);

/* The container waits for clients that are behind, but not for long. */
void clients_press(struct shim *shim, int stream);

/* Decides anew what is to be reported about a client. */
void client_update(struct shim *shim, struct client *client);

/* The container takes stdin again, or never will: goes on with what clients have sent. */
void clients_resume_stdin(struct shim *shim);

/* No output will come: end of file to every attach client when it has read everything. */
void clients_end_output(struct shim *shim);

/* Does what time has made due; returns the milliseconds until the next such thing, or -1. */
int64_t clients_tick(struct shim *shim, int64_t now_ms);

/* Decides anew about all clients. */
void clients_update(struct shim *shim);

/* Frees dead clients; returns whether an attach client is left. */
bool clients_sweep(struct shim *shim);

/* The shim leaves: end of file, and no reset, to every attach client. */
void clients_leave(struct shim *shim);

/* Whether there is a control client. */
bool clients_have_control(const struct shim *shim);

/* Whether anybody is connected who reads or writes, and is not gone. */
bool clients_are_attached(const struct shim *shim);

#endif
