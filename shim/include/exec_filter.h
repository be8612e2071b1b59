/* The seccomp filter that the runtime gave a container, read back from the container's first process. */
#ifndef WHARF_EXEC_FILTER_H
#define WHARF_EXEC_FILTER_H

#include <linux/filter.h>
#include <sys/types.h>

struct exec_filter {
	struct sock_fprog program; /* len 0: none */
	unsigned int flags;        /* SECCOMP_FILTER_FLAG_… */
};

/*
 * The oldest filter of a process, which is the runtime's: later ones the process has put on itself. It is copied to the
 * file cache the first time; reading it stops the process for some microseconds, which may end a system call with EINTR,
 * so that is done once per container. Fails when the process has no filter, when this process is filtered itself, or
 * when the process is being traced; -ENOTSUP for a filter that wants a listener.
 */
int exec_filter_get(struct exec_filter *filter, pid_t init, const char *cache);

/* Puts the calling process under it. Without no_new_privs that needs CAP_SYS_ADMIN. */
int exec_filter_install(const struct exec_filter *filter);

/* How many filters a process is under, from its status file; negative errno. */
int exec_filter_count(pid_t pid);

void exec_filter_free(struct exec_filter *filter);

#endif
