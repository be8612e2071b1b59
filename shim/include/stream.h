/* What the container writes: from a pipe or the terminal to the clients and the log. And the way back, stdin. */
#ifndef WHARF_STREAM_H
#define WHARF_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct stream {
	struct source source;   /* first: the loop hands it back */
	int type;               /* STREAM_STDOUT or STREAM_STDERR */
	bool terminal;
	bool paused;            /* a client is too far behind */
	bool grown;             /* its pipe has the larger size */
	bool eof;
	int64_t retry_ms;       /* a terminal that nobody had open: when to look again, or 0 */
	char *buffer;
	size_t carried;         /* the beginning of a line that the log waits for */
	bool flooding;          /* see gather() */
	int64_t window_us;
	size_t window_bytes;
};

/* Takes over fd (non-blocking) and begins to read it. */
int stream_open(struct shim *shim, struct stream *stream, int fd, int type, bool terminal);

/* Reads until nothing is there, end of file, or a client is too far behind. */
void stream_pump(struct shim *shim, struct stream *stream);

/* Goes on reading where a client was too far behind. */
void stream_resume(struct shim *shim, struct stream *stream);

/* Writes the last, unfinished line to the log and closes. */
void stream_close(struct shim *shim, struct stream *stream);

/* Gives memory back that only a busy stream needs. */
void stream_relax(struct stream *stream);

/* Writes to stdin; returns what was taken, 0 if it is full, -EPIPE if nobody will ever read it. */
int64_t stdin_write(struct shim *shim, const void *data, size_t size);

/* End of file to the container, as soon as what clients have sent has been delivered. */
void stdin_close(struct shim *shim);

#endif
