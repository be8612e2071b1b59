/*
 * What an exec's process is to be, decided by the daemon: a file of NUL-terminated "name=value" records.
 * src/host/shim/exec-plan.ts writes it.
 *
 *   init=<pid>  id=<container>      the container's first process, and what its cgroup's path has to contain
 *   tasks=<path>                    v1: a hierarchy's tasks file, repeated
 *   cgroup=<path>                   v2: the directory of the cgroup
 *   uid= gid= group=                group is repeated
 *   bounding= effective= permitted= inheritable= ambient=    capabilities, hexadecimal
 *   rlimit=<number>:<soft>:<hard>   repeated
 *   oom-score-adj=  no-new-privileges=1  keyring=<name>  cwd=<path>
 *   filter=<path>                   the container has a seccomp filter, of which this file has (or gets) a copy
 *   arg=  env=                      repeated, in order
 */
#ifndef WHARF_EXEC_PLAN_H
#define WHARF_EXEC_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define EXEC_HIERARCHIES_MAX 32
#define EXEC_RLIMITS_MAX 16

struct exec_rlimit {
	int resource;
	struct rlimit limit;
};

struct exec_plan {
	pid_t init;
	const char *id;
	const char *tasks[EXEC_HIERARCHIES_MAX];
	int tasks_len;
	const char *cgroup;        /* NULL without v2 */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t groups_len;
	uint64_t bounding, effective, permitted, inheritable, ambient;
	struct exec_rlimit rlimits[EXEC_RLIMITS_MAX];
	int rlimits_len;
	bool has_oom_score_adj;
	int oom_score_adj;
	bool no_new_privileges;
	const char *keyring;       /* NULL: the session keyring stays */
	const char *cwd;
	const char *filter;        /* NULL: the container has no seccomp filter */
	char **argv;
	char **envp;
	char *text;                /* what the strings point into */
};

/* Reads a plan. -EINVAL for one that this version does not understand in full. Free it in either case. */
int exec_plan_read(struct exec_plan *plan, const char *path);

/* The same of text, of which the plan keeps pointers. The last byte is NUL. */
int exec_plan_parse(struct exec_plan *plan, char *text, size_t size);

void exec_plan_free(struct exec_plan *plan);

#endif
