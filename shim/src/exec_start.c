#include "exec_start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "exec_join.h"
#include "passfd.h"
#include "util.h"

/* linux/sched.h: the process was forked and has not called execve. */
#define PF_FORKNOEXEC 0x40

static bool same_namespace(pid_t pid, const char *type)
{
	char path[64];
	struct stat ours, theirs;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", type);
	if (stat(path, &ours) < 0)
		return errno == ENOENT; /* the kernel has none of these */
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, type);
	return stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static bool is_in_container(pid_t pid, const char *id)
{
	char path[32], text[16384];
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	return read_text(path, text, sizeof(text)) > 0 && strstr(text, id);
}

static bool has_ended(int pidfd)
{
	struct pollfd one = { .fd = pidfd, .events = POLLIN };
	return poll(&one, 1, 0) != 0;
}

/* A pidfd of the container's first process, which is known to be that and not one that got its number. */
static int open_init(const struct exec_plan *plan)
{
	CLEANUP_FD int pidfd = (int)syscall(SYS_pidfd_open, plan->init, 0);
	if (pidfd < 0)
		return -errno;
	if (!is_in_container(plan->init, plan->id) || has_ended(pidfd))
		return -ESRCH;
	/* ids mean something else in a user namespace, and times in a time namespace */
	if (!same_namespace(plan->init, "user") || !same_namespace(plan->init, "time"))
		return -ENOTSUP;
	int result = pidfd;
	pidfd = -1;
	return result;
}

/* What the daemon says of the filter has to be what the container has. */
static int get_filter(const struct exec_plan *plan, struct exec_filter *filter)
{
	int count = exec_filter_count(plan->init);
	if (count < 0)
		return count;
	if ((count > 0) != (plan->filter != NULL))
		return -ENOTSUP;
	return plan->filter ? exec_filter_get(filter, plan->init, plan->filter) : 0;
}

/* fork(2) into a cgroup and into the pid namespace of init. */
static pid_t fork_into(int init, const char *cgroup)
{
	CLEANUP_FD int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int group = cgroup ? open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (own < 0 || (cgroup && group < 0))
		return -errno;
	struct clone_args args = { .exit_signal = SIGCHLD };
	if (cgroup) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group;
	}
	if (setns(init, CLONE_NEWPID) < 0)
		return -errno;
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		return 0;
	int err = pid < 0 ? -errno : 0;
	if (setns(own, CLONE_NEWPID) < 0)
		shim_log("cannot return to the pid namespace: %s", strerror(errno));
	return err < 0 ? err : pid;
}

/* Hears the child out. 0: it has nothing more to say. */
static int listen_to(int channel, int *master)
{
	for (;;) {
		struct exec_message message = { 0 };
		int fd;
		ssize_t n = receive_with_fd(channel, &message, sizeof(message), 0, &fd);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (!message.step) {
			*master = fd;
			continue;
		}
		if (strcmp(message.step, "run") != 0)
			shim_log("exec without the runtime: %s: %s", message.step, strerror(-message.err));
		return message.err < 0 ? message.err : -EIO;
	}
}

/* A child that was killed on its way, by the filter for instance, says nothing either. */
static bool has_become_program(pid_t pid)
{
	char path[32], text[1024];
	unsigned int flags;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_text(path, text, sizeof(text)) < 0)
		return false;
	const char *rest = strrchr(text, ')');
	return rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && !(flags & PF_FORKNOEXEC);
}

static pid_t run_job(struct exec_job *job, int *master)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	job->channel = ends[1];
	/* the container's processes see the child before it is one of theirs */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pid_t pid = fork_into(job->init, job->plan->cgroup);
	if (pid == 0)
		exec_join(job);
	close(ends[1]);
	int err = pid < 0 ? pid : listen_to(ends[0], master);
	close(ends[0]);
	if (pid < 0)
		return err;
	if (err == 0 && !has_become_program(pid))
		err = -ECHILD;
	if (err == 0 && job->terminal && *master < 0)
		err = -ENOTTY;
	if (err == 0)
		return pid;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return err;
}

pid_t exec_start(const char *plan_path, const int stdio[3], const struct winsize *size, int *master)
{
	struct exec_plan plan;
	struct exec_filter filter = { 0 };
	struct exec_job job = { .plan = &plan, .filter = &filter, .terminal = !stdio, .size = *size };
	*master = -1;
	if (stdio)
		memcpy(job.stdio, stdio, sizeof(job.stdio));
	int result = exec_plan_read(&plan, plan_path);
	CLEANUP_FD int init = result < 0 ? -1 : open_init(&plan);
	if (result == 0)
		result = init < 0 ? init : get_filter(&plan, &filter);
	job.init = init;
	if (result == 0)
		result = run_job(&job, master);
	if (result < 0)
		close_and_forget(master);
	exec_filter_free(&filter);
	exec_plan_free(&plan);
	return result;
}
