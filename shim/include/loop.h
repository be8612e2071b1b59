/* epoll with a function per descriptor. */
#ifndef WHARF_LOOP_H
#define WHARF_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct shim;

struct source {
	int fd;
	uint32_t events;
	bool watched;
	void (*ready)(struct shim *shim, struct source *source, uint32_t events);
};

/* Reports these events (0: only hangup and error) until told otherwise. */
int source_watch(int epfd, struct source *source, uint32_t events);

/* Reports nothing any more, not even a hangup. */
void source_unwatch(int epfd, struct source *source);

/* Unwatches and closes. */
void source_close(int epfd, struct source *source);

#endif
