#include "exec_join.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "passfd.h"
#include "util.h"

#define CAPABILITIES_MAX 64

extern char **environ;

static void restore_signals(void)
{
	sigset_t none;
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int write_text(const char *path, const char *text)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

/*
 * By the process itself and through `tasks`: the kernel then need not lock out all forks of the machine, which costs
 * an RCU grace period of several milliseconds when another process moves it, or cgroup.procs is written.
 */
static int join_cgroups(const struct exec_job *job)
{
	for (int i = 0; i < job->plan->tasks_len; i++) {
		int err = write_text(job->plan->tasks[i], "0");
		if (err < 0)
			return err;
	}
	return 0;
}

static int set_oom_score_adj(const struct exec_job *job)
{
	char text[16];
	if (!job->plan->has_oom_score_adj)
		return 0;
	snprintf(text, sizeof(text), "%d", job->plan->oom_score_adj);
	return write_text("/proc/self/oom_score_adj", text);
}

/* With a terminal there is one yet to come. */
static int place_stdio(const struct exec_job *job)
{
	for (int i = 0; i < 3 && !job->terminal; i++) {
		if (dup2(job->stdio[i], i) < 0)
			return -errno;
	}
	return setsid() < 0 ? -errno : 0;
}

/* From here on this is the container's: nothing of the host may be found in it, neither descriptors nor the environment. */
static int join_namespaces(const struct exec_job *job)
{
	const int all = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	if (setns(job->init, all) < 0)
		return -errno;
	int err = close_all_but(job->channel, job->channel);
	if (err < 0)
		return err;
	for (char **entry = environ; *entry; entry++)
		explicit_bzero(*entry, strlen(*entry));
	return 0;
}

static int join_keyring(const struct exec_job *job)
{
	if (!job->plan->keyring)
		return 0;
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, job->plan->keyring) < 0 && errno != ENOSYS)
		return -errno;
	return 0;
}

static int send_master(int channel, int master)
{
	const struct exec_message message = { 0 };
	return send_with_fd(channel, &message, sizeof(message), master);
}

/* A terminal of the container's own devpts. What is at /dev/ptmx there may be anything. */
static int open_terminal(const struct exec_job *job)
{
	struct stat st;
	int unlock = 0;
	if (!job->terminal)
		return 0;
	CLEANUP_FD int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master < 0 || fstat(master, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return -ENOTTY;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	CLEANUP_FD int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	if (job->size.ws_row > 0 && ioctl(master, TIOCSWINSZ, &job->size) < 0)
		return -errno;
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		if (dup2(slave, i) < 0)
			return -errno;
	}
	return send_master(job->channel, master);
}

static int set_rlimits(const struct exec_job *job)
{
	for (int i = 0; i < job->plan->rlimits_len; i++) {
		const struct exec_rlimit *one = &job->plan->rlimits[i];
		if (setrlimit((__rlimit_resource_t)one->resource, &one->limit) < 0)
			return -errno;
	}
	return 0;
}

/* A filter may be installed by the privileged, or by who can gain no privileges: then as late as possible. */
static int filter_early(const struct exec_job *job)
{
	if (!job->plan->no_new_privileges)
		return exec_filter_install(job->filter);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int filter_late(const struct exec_job *job)
{
	return job->plan->no_new_privileges ? exec_filter_install(job->filter) : 0;
}

static int drop_bounding(const struct exec_job *job)
{
	for (unsigned int cap = 0; cap < CAPABILITIES_MAX; cap++) {
		if (job->plan->bounding >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;
	}
	return 0;
}

/* So that /proc/self/fd/1 can be opened again by who is not root. /dev/null belongs to everybody. */
static int own_stdio(const struct exec_job *job)
{
	struct stat st;
	for (int i = 0; i < 3; i++) {
		if (fstat(i, &st) < 0)
			return -errno;
		if ((S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) || st.st_uid == job->plan->uid)
			continue;
		if (fchown(i, job->plan->uid, st.st_gid) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS)
			return -errno;
	}
	return 0;
}

static int enter_directory(const char *path)
{
	char here[4096];
	if (chdir(path) < 0)
		return -errno;
	/* the system call and not the library's, which would be content with "(unreachable)/…" */
	if (syscall(SYS_getcwd, here, sizeof(here)) < 0)
		return errno == ERANGE ? 0 : -errno;
	return here[0] == '/' ? 0 : -ENOENT;
}

/* Some directories only root may enter, others only the user. */
static int become_user(const struct exec_job *job)
{
	const struct exec_plan *plan = job->plan;
	int entered = enter_directory(plan->cwd);
	if (entered < 0 && entered != -EACCES && entered != -EPERM)
		return entered;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(plan->groups_len, plan->groups) < 0 ||
	    setgid(plan->gid) < 0 || setuid(plan->uid) < 0)
		return -errno;
	return entered < 0 ? enter_directory(plan->cwd) : 0;
}

static int set_capabilities(const struct exec_job *job)
{
	const struct exec_plan *plan = job->plan;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(plan->effective >> 32 * i);
		data[i].permitted = (uint32_t)(plan->permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(plan->inheritable >> 32 * i);
	}
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0)
		return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (unsigned int cap = 0; cap < CAPABILITIES_MAX; cap++) {
		if (plan->ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode) && access(path, X_OK) == 0;
}

/* As a shell would, but directories that are relative count for nothing. */
static int find_program(const struct exec_plan *plan, char *path, size_t size)
{
	const char *name = plan->argv[0], *dirs = NULL;
	if (strchr(name, '/'))
		return snprintf(path, size, "%s", name) < (int)size ? 0 : -ENAMETOOLONG;
	for (char **entry = plan->envp; *entry; entry++) {
		if (strncmp(*entry, "PATH=", 5) == 0)
			dirs = *entry + 5;
	}
	if (!dirs || *name == '\0')
		return -ENOENT;
	for (;; dirs++) {
		size_t length = strcspn(dirs, ":"), kept = length;
		if (dirs[0] != '/')
			return -ENOENT;
		while (kept > 0 && dirs[kept - 1] == '/')
			kept--;
		int end = snprintf(path, size, "%.*s/%s", (int)kept, dirs, name);
		if (end > 0 && end < (int)size && is_program(path))
			return 0;
		dirs += length;
		if (*dirs == '\0')
			return -ENOENT;
	}
}

static int run(const struct exec_job *job)
{
	char path[4096];
	int err = find_program(job->plan, path, sizeof(path));
	if (err < 0)
		return err;
	execve(path, job->plan->argv, job->plan->envp);
	return -errno;
}

_Noreturn void exec_join(const struct exec_job *job)
{
	/* the order is the runtime's */
	const struct {
		const char *name;
		int (*take)(const struct exec_job *job);
	} steps[] = {
		{ "cgroups", join_cgroups },
		{ "oom_score_adj", set_oom_score_adj },
		{ "stdio", place_stdio },
		{ "namespaces", join_namespaces },
		{ "keyring", join_keyring },
		{ "terminal", open_terminal },
		{ "rlimits", set_rlimits },
		{ "filter", filter_early },
		{ "bounding set", drop_bounding },
		{ "stdio's owner", own_stdio },
		{ "user", become_user },
		{ "capabilities", set_capabilities },
		{ "filter", filter_late },
		{ "run", run },
	};
	restore_signals();
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct exec_message message = { steps[i].name, steps[i].take(job) };
		if (message.err == 0)
			continue;
		(void)!send(job->channel, &message, sizeof(message), MSG_NOSIGNAL);
		break;
	}
	_exit(127);
}
