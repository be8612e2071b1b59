/* Execs without the runtime: the shim makes the process itself. */
#ifndef WHARF_EXEC_START_H
#define WHARF_EXEC_START_H

#include <sys/ioctl.h>
#include <sys/types.h>

/*
 * Runs the process that the plan in the file describes, as a child; returns its pid once it has become the program. With
 * stdio NULL it gets a terminal, whose master (not blocking) is put into *master.
 *
 * A negative errno says that nothing runs and nothing has been changed, for whatever reason: the program is missing, the
 * kernel lacks something, the container is of a kind that this does not know. The runtime will do it or has the words for it.
 */
pid_t exec_start(const char *plan_path, const int stdio[3], const struct winsize *size, int *master);

#endif
