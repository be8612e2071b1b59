/* Tells the control clients each time that memory runs out for the container. */
#ifndef WHARF_OOMWATCH_H
#define WHARF_OOMWATCH_H

#include <stdint.h>

#include "loop.h"

struct shim;

struct oom_watch {
	struct source notifier;  /* fd -1: the kernel does not tell, and it is known at the end */
	int counter;             /* the file that is watched, or -1 */
	long kills;              /* what it said last */
	int count;               /* how often clients have been told */
	int64_t look_until_ms;   /* v1 has announced a kill that the counter may not show yet; 0: it has not */
};

/* Nothing is watched, and may be closed. */
void oomwatch_init(struct shim *shim);

/* Watches the first process's memory cgroup; tells at once of what has happened there before. */
void oomwatch_open(struct shim *shim);

/* Tells of what is new, for the last time: the runtime is going to remove the cgroup. */
void oomwatch_close(struct shim *shim);

/* Looks again if that is due; returns the milliseconds until the next look, or -1. */
int64_t oomwatch_tick(struct shim *shim, int64_t now_ms);

#endif
