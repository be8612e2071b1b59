#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "util.h"

extern char **environ;

#define ARGV_MAX (RUNTIME_ARGS_MAX + 24)
/* Only the end of the runtime's log is of interest. */
#define LOG_TAIL_BYTES (32 << 10)

struct argv {
	const char *items[ARGV_MAX + 1];
	int length;
};

static void add(struct argv *argv, const char *item)
{
	if (argv->length < ARGV_MAX)
		argv->items[argv->length++] = item;
}

static void add_pair(struct argv *argv, const char *flag, const char *value)
{
	if (!value)
		return;
	add(argv, flag);
	add(argv, value);
}

static void add_global(struct argv *argv, const struct args *args)
{
	add(argv, args->runtime);
	add_pair(argv, "--root", args->runtime_root);
	if (args->runtime_log) {
		add_pair(argv, "--log", args->runtime_log);
		add_pair(argv, "--log-format", "json");
	}
	if (args->systemd_cgroup)
		add(argv, "--systemd-cgroup");
	for (int i = 0; i < args->runtime_args_len; i++)
		add(argv, args->runtime_args[i]);
}

struct child {
	const struct argv *argv;
	const int *stdio;
	bool dies_with_us;
	pid_t parent;
	volatile int error; /* why it could not become the runtime: written by the child, in the same memory */
};

/* In the child. Everything but stdio is close-on-exec. */
static void become_runtime(struct child *child)
{
	sigset_t none;
	sigemptyset(&none);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (child->dies_with_us && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != child->parent))
		return;
	for (int i = 0; i < 3; i++) {
		if (dup2(child->stdio[i], i) < 0)
			return;
	}
	execvpe(child->argv->items[0], (char *const *)child->argv->items, environ);
}

/* vfork: no page table is copied, and the child's error is seen here. */
static pid_t spawn(const struct argv *argv, const int stdio[3], bool dies_with_us)
{
	struct child child = { .argv = argv, .stdio = stdio, .dies_with_us = dies_with_us, .parent = getpid() };
	pid_t pid = vfork();
	if (pid == 0) {
		become_runtime(&child);
		child.error = errno;
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	if (child.error == 0)
		return pid;
	waitpid(pid, NULL, 0);
	return -child.error;
}

pid_t runtime_start(const struct args *args, const char *console_socket, const int stdio[3])
{
	struct argv argv = { 0 };
	add_global(&argv, args);
	add(&argv, args->exec_process ? "exec" : args->gate ? "create" : "run");
	if (args->exec_process || !args->gate)
		add(&argv, "--detach");
	add_pair(&argv, "--pid-file", args->pid_file);
	add_pair(&argv, "--console-socket", console_socket);
	if (args->exec_process)
		add_pair(&argv, "--process", args->exec_process);
	else
		add_pair(&argv, "--bundle", args->bundle);
	add(&argv, args->id);
	/* one that has been started ahead may wait, or leave something that waits, for ever */
	return spawn(&argv, stdio, args->ahead);
}

pid_t runtime_delete(const struct args *args, bool force, int output)
{
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	struct argv argv = { 0 };
	add_global(&argv, args);
	add(&argv, "delete");
	if (force)
		add(&argv, "--force");
	add(&argv, args->id);
	return spawn(&argv, (int[3]){ null, null, output }, false);
}

int runtime_watch_pid(const struct args *args)
{
	char directory[PATH_MAX];
	int err = directory_of(args->pid_file, directory);
	if (err < 0)
		return err;
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_NOTIFY, DN_RENAME | DN_MULTISHOT) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

pid_t runtime_read_pid(const struct args *args)
{
	char text[32];
	int length = read_text(args->pid_file, text, sizeof(text));
	if (length < 0)
		return length;
	long pid = strtol(text, NULL, 10);
	return pid > 0 ? (pid_t)pid : -EINVAL;
}

static size_t trim(char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	text[length] = '\0';
	return length;
}

static size_t last_logged_error(const char *path, char *out, size_t size)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	CLEANUP_FREE char *text = malloc(LOG_TAIL_BYTES);
	off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
	ssize_t n = text ? pread(fd, text, LOG_TAIL_BYTES, from) : -1;
	return n > 0 ? json_last_error(text, (size_t)n, out, size) : 0;
}

size_t runtime_error(const struct args *args, int fallback_fd, char *out, size_t size)
{
	size_t length = args->runtime_log ? last_logged_error(args->runtime_log, out, size) : 0;
	if (length == 0 && fallback_fd >= 0) {
		ssize_t n = read(fallback_fd, out, size - 1);
		length = n > 0 ? (size_t)n : 0;
	}
	return trim(out, length);
}
