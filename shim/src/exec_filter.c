#include "exec_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif

#define CACHE_MAGIC 0x31464357U /* "WCF1" */
/* A process that does not stop within this many seconds (it sleeps uninterruptibly) is left alone. */
#define CAPTURE_LIMIT_S 2
/* Another exec of the same container may be reading the filter just now. */
#define CAPTURE_TRIES 40
#define CAPTURE_RETRY_US 5000

struct cache_header {
	uint32_t magic;
	uint32_t flags;
	uint32_t length; /* instructions */
};

struct metadata {
	uint64_t filter_off;
	uint64_t flags;
};

static long trace(long request, pid_t pid, uintptr_t addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static bool wants_listener(const struct sock_filter *code, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (BPF_CLASS(code[i].code) == BPF_RET && BPF_RVAL(code[i].code) == BPF_K &&
		    (code[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			return true;
	}
	return false;
}

static int write_cache(const char *cache, const struct cache_header *header, const struct sock_filter *code)
{
	CLEANUP_FREE char *temporary = NULL;
	if (asprintf(&temporary, "%s.%d", cache, (int)getpid()) < 0)
		return -ENOMEM;
	CLEANUP_FD int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int err = write_all(fd, header, sizeof(*header));
	if (err == 0)
		err = write_all(fd, code, header->length * sizeof(*code));
	if (err == 0 && rename(temporary, cache) < 0)
		err = -errno;
	if (err < 0)
		unlink(temporary);
	return err;
}

/*
 * Whether installing the filter may leave speculative stores alone, which no interface tells: it may if the process does.
 * Kernels since 5.16 leave them alone in any case.
 */
static bool allows_speculation(pid_t pid)
{
	char path[32], text[8192];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return read_text(path, text, sizeof(text)) > 0 && !strstr(text, "Speculation_Store_Bypass:\tthread force mitigated");
}

/* The process stands still. */
static int copy_filter(pid_t pid, const char *cache)
{
	struct metadata metadata = { 0 };
	long length = trace(PTRACE_SECCOMP_GET_FILTER, pid, 0, NULL);
	if (length < 0)
		return -errno;
	CLEANUP_FREE struct sock_filter *code = calloc((size_t)length + 1, sizeof(*code));
	if (!code)
		return -ENOMEM;
	if (trace(PTRACE_SECCOMP_GET_FILTER, pid, 0, code) != length)
		return errno ? -errno : -EIO;
	if (trace(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(metadata), &metadata) < 0)
		return -errno;
	struct cache_header header = { CACHE_MAGIC, (uint32_t)metadata.flags, (uint32_t)length };
	if (allows_speculation(pid))
		header.flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return write_cache(cache, &header, code);
}

/*
 * In a process of its own: when that ends, however it ends, the kernel lets go of what it traces.
 */
static int capture(pid_t init, const char *cache)
{
	int status;
	signal(SIGALRM, SIG_DFL);
	alarm(CAPTURE_LIMIT_S);
	if (trace(PTRACE_SEIZE, init, 0, NULL) < 0 || trace(PTRACE_INTERRUPT, init, 0, NULL) < 0)
		return -errno;
	if (waitpid(init, &status, __WALL) != init || !WIFSTOPPED(status))
		return -ESRCH;
	int err = copy_filter(init, cache);
	/* a signal that happened to be on its way is delivered; other stops have a signal that is none */
	int signo = status >> 16 == 0 ? WSTOPSIG(status) : 0;
	trace(PTRACE_DETACH, init, 0, (void *)(intptr_t)signo);
	return err;
}

static int capture_in_child(pid_t init, const char *cache)
{
	int status;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-capture(init, cache));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (!WIFEXITED(status))
		return -ETIMEDOUT;
	return -WEXITSTATUS(status);
}

static int read_cache(struct exec_filter *filter, const char *cache)
{
	struct cache_header header;
	CLEANUP_FD int fd = open(cache, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (read(fd, &header, sizeof(header)) != sizeof(header) || header.magic != CACHE_MAGIC || header.length == 0 ||
	    header.length > BPF_MAXINSNS)
		return -EINVAL;
	size_t bytes = header.length * sizeof(struct sock_filter);
	CLEANUP_FREE struct sock_filter *code = malloc(bytes);
	if (!code)
		return -ENOMEM;
	if (read(fd, code, bytes) != (ssize_t)bytes)
		return -EINVAL;
	if (wants_listener(code, header.length))
		return -ENOTSUP;
	filter->program = (struct sock_fprog){ (unsigned short)header.length, code };
	filter->flags = header.flags;
	code = NULL;
	return 0;
}

int exec_filter_get(struct exec_filter *filter, pid_t init, const char *cache)
{
	int err = read_cache(filter, cache);
	for (int i = 0; i < CAPTURE_TRIES && err == -ENOENT; i++) {
		int captured = capture_in_child(init, cache);
		err = read_cache(filter, cache);
		if (captured != 0 && captured != -EPERM)
			break;
		if (err == -ENOENT)
			usleep(CAPTURE_RETRY_US);
	}
	return err;
}

int exec_filter_install(const struct exec_filter *filter)
{
	if (filter->program.len == 0)
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &filter->program) < 0 ? -errno : 0;
}

int exec_filter_count(pid_t pid)
{
	char path[32], text[8192];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	int length = read_text(path, text, sizeof(text));
	if (length < 0)
		return length;
	const char *line = strstr(text, "\nSeccomp_filters:\t");
	return line ? (int)strtol(line + strlen("\nSeccomp_filters:\t"), NULL, 10) : -ENOTSUP;
}

void exec_filter_free(struct exec_filter *filter)
{
	free(filter->program.filter);
	memset(filter, 0, sizeof(*filter));
}
