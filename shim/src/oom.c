#include "oom.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

long oom_parse_kills(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, "oom_kill ", 9) == 0)
			return strtol(line + 9, NULL, 10);
	}
	return 0;
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

bool oom_happened(int fd)
{
	char text[512];
	if (fd < 0)
		return false;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return oom_parse_kills(text) > 0;
}
