/* Whether the kernel killed a process of a memory cgroup for want of memory; cgroup v1 and v2. */
#ifndef WHARF_OOM_H
#define WHARF_OOM_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Opens the file with the oom_kill counter of the memory cgroup that a process is in. fallback is the cgroup's path to be
 * taken when the process has left it (a zombie is in the root of v1 hierarchies), or NULL. Negative errno if there is none.
 */
int oom_open(pid_t pid, const char *fallback);

/* The path of the process's memory cgroup in the text of /proc/<pid>/cgroup; returns 1 for v1, 2 for v2, -ENOENT. */
int oom_find_cgroup(const char *text, char *path, size_t size);

/* The counter in the text of memory.oom_control (v1) or memory.events (v2); 0 if it is missing. */
long oom_parse_kills(const char *text);

/* Whether the counter behind fd is above 0; false for a negative fd. */
bool oom_happened(int fd);

#endif
