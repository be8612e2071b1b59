/* The way into a container: what the process of an exec does between fork and execve. */
#ifndef WHARF_EXEC_JOIN_H
#define WHARF_EXEC_JOIN_H

#include <stdbool.h>
#include <sys/ioctl.h>

#include "exec_filter.h"
#include "exec_plan.h"

struct exec_job {
	const struct exec_plan *plan;
	const struct exec_filter *filter;
	int init;                  /* pidfd of the container's first process */
	int stdio[3];              /* ignored with a terminal */
	bool terminal;
	struct winsize size;       /* zeros: none */
	int channel;               /* SOCK_SEQPACKET, close-on-exec */
};

/*
 * What is sent on the channel: the master of the terminal as ancillary data of a message with step NULL, or which step
 * failed. Nothing but end of file follows a successful execve.
 */
struct exec_message {
	const char *step;          /* parent and child are the same program */
	int err;
};

/* In the child, which is in the container's pid namespace (and v2 cgroup) already. Does not return. */
_Noreturn void exec_join(const struct exec_job *job);

#endif
