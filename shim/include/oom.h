/* Whether the kernel killed a process of a memory cgroup for want of memory; cgroup v1 and v2. */
#ifndef WHARF_OOM_H
#define WHARF_OOM_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What memory.oom_control (v1) or memory.events (v2) says. */
struct oom_facts {
	long kills;
	bool stuck;  /* v1: processes wait for memory that nobody frees, since the kernel has been told not to kill */
};

/*
 * Opens the file with the oom_kill counter of the memory cgroup that a process is in. fallback is the cgroup's path to be
 * taken when the process has left it (a zombie is in the root of v1 hierarchies), or NULL. Negative errno if there is none.
 */
int oom_open(pid_t pid, const char *fallback);

/*
 * A descriptor for which epoll reports *events when what the file says is about to change, or has changed, until the file is read (v2)
 * or the descriptor, which does not block (v1). v1 tells a moment before it kills; v2 tells of every counter in the file.
 */
int oom_notifier(int counter, uint32_t *events);

/* The path of the process's memory cgroup in the text of /proc/<pid>/cgroup; returns 1 for v1, 2 for v2, -ENOENT. */
int oom_find_cgroup(const char *text, char *path, size_t size);

/* What is missing in the text is 0. */
struct oom_facts oom_parse(const char *text);

/* Negative errno where the file can't be read: its cgroup is gone. */
int oom_read(int counter, struct oom_facts *facts);

#endif
