/* The OCI runtime as a child process. */
#ifndef WHARF_RUNTIME_H
#define WHARF_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "args.h"

/* Starts `runtime run` (`runtime create` where there is a gate, or `runtime exec`) with these descriptors as 0, 1 and 2; returns its pid. */
pid_t runtime_start(const struct args *args, const char *console_socket, const int stdio[3]);

/* Starts `runtime delete [--force]`; its output goes to output; returns its pid. */
pid_t runtime_delete(const struct args *args, bool force, int output);

/*
 * A descriptor that, while it is open, makes a SIGIO of each renaming where the pid file is, which is how runc makes it appear. Not inotify:
 * closing that takes 5 to 20 ms.
 */
int runtime_watch_pid(const struct args *args);

/* The pid in the pid file, or a negative errno. */
pid_t runtime_read_pid(const struct args *args);

/* The last error in the runtime's log, or else what can be read from fallback_fd; returns its length. */
size_t runtime_error(const struct args *args, int fallback_fd, char *out, size_t size);

#endif
