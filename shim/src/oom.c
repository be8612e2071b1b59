#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util.h"

static bool has_controller(const char *list, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	for (const char *p = list; p < list + length;) {
		size_t part = strcspn(p, ",:");
		if (part == name_length && memcmp(p, name, part) == 0)
			return true;
		p += part + 1;
	}
	return false;
}

int oom_find_cgroup(const char *text, char *path, size_t size)
{
	int found = -ENOENT;
	for (const char *line = text; *line != '\0';) {
		const char *stop = strchrnul(line, '\n');
		const char *controllers = memchr(line, ':', (size_t)(stop - line));
		const char *colon = controllers ? memchr(controllers + 1, ':', (size_t)(stop - controllers - 1)) : NULL;
		if (colon) {
			size_t list = (size_t)(colon - controllers - 1);
			bool v1 = has_controller(controllers + 1, list, "memory");
			size_t length = (size_t)(stop - colon - 1);
			/* on a hybrid host the v2 line is there too, without the memory controller */
			if ((v1 || (list == 0 && found < 0)) && length < size) {
				memcpy(path, colon + 1, length);
				path[length] = '\0';
				found = v1 ? 1 : 2;
			}
		}
		line = *stop ? stop + 1 : stop;
	}
	return found;
}

/* The number of a line "<name> <number>", 0 without one. */
static long value_of(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, name, length) == 0 && line[length] == ' ')
			return strtol(line + length, NULL, 10);
	}
	return 0;
}

struct oom_facts oom_parse(const char *text)
{
	return (struct oom_facts){
		.kills = value_of(text, "oom_kill"),
		.stuck = value_of(text, "oom_kill_disable") > 0 && value_of(text, "under_oom") > 0,
	};
}

int oom_open(pid_t pid, const char *fallback)
{
	char name[64], text[4096], cgroup[2048], file[PATH_MAX];
	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	int length = read_text(name, text, sizeof(text));
	if (length < 0)
		return length;
	int version = oom_find_cgroup(text, cgroup, sizeof(cgroup));
	if (version < 0)
		return version;
	const char *path = cgroup;
	if (strcmp(cgroup, "/") == 0) {
		if (!fallback)
			return -ENOENT;
		path = fallback;
	}
	if (version == 1)
		snprintf(file, sizeof(file), "/sys/fs/cgroup/memory%s/memory.oom_control", path);
	else
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.events", path);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int oom_read(int counter, struct oom_facts *facts)
{
	char text[512];
	ssize_t n = pread(counter, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*facts = oom_parse(text);
	return 0;
}

/* v1 signals a descriptor that has been named, with the counter's own, in a file beside the counter. */
static int notifier_v1(int counter, const char *directory)
{
	char path[PATH_MAX + 32], line[32];
	snprintf(path, sizeof(path), "%s/cgroup.event_control", directory);
	CLEANUP_FD int control = open(path, O_WRONLY | O_CLOEXEC);
	if (control < 0)
		return -errno;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return -errno;
	int length = snprintf(line, sizeof(line), "%d %d", event, counter);
	int err = write_all(control, line, (size_t)length);
	if (err < 0)
		close(event);
	return err < 0 ? err : event;
}

int oom_notifier(int counter, uint32_t *events)
{
	char link[64], file[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", counter);
	ssize_t n = readlink(link, file, sizeof(file) - 1);
	if (n < 0)
		return -errno;
	file[n] = '\0';
	char *name = strrchr(file, '/');
	if (name && strcmp(name, "/memory.oom_control") == 0) {
		*name = '\0';
		*events = EPOLLIN;
		return notifier_v1(counter, file);
	}
	/* not inotify, of which a user has 128 only */
	*events = EPOLLPRI;
	int notifier = fcntl(counter, F_DUPFD_CLOEXEC, 3);
	return notifier < 0 ? -errno : notifier;
}
