/* From the start of the process to the end of its last trace. */
#ifndef WHARF_LIFECYCLE_H
#define WHARF_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct shim;

/* Starts the runtime of a shim that runs ahead. */
void lifecycle_prepare(struct shim *shim);

/* Hands the runtime that waits its specification before the start; a gate keeps the container from running. */
int lifecycle_feed(struct shim *shim);

/* Ends a shim of which nothing has been started, with a runtime that waits; what that has created it takes back first. */
void lifecycle_quit(struct shim *shim);

/* Whether what was created before the start can still be started. */
bool lifecycle_is_sound(const struct shim *shim);

/* The runtime may have written down the first process's pid. */
void lifecycle_look_for_pid(struct shim *shim);

/* Children have ended. */
void lifecycle_reap(struct shim *shim);

/* The runtime may have handed over the terminal. */
void lifecycle_take_console(struct shim *shim);

/* The end is recorded: nobody needs what the runtime keeps of the container, and it is made to forget it, once. */
void lifecycle_delete(struct shim *shim);

/* Does what time has made due; returns the milliseconds until the next such thing, or -1. */
int64_t lifecycle_tick(struct shim *shim, int64_t now_ms);

#endif
