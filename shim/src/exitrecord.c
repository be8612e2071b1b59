#include "exitrecord.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "util.h"

struct exit_record exit_record_of(int status, int64_t finished_ns)
{
	struct exit_record record = { .code = -1, .finished_ns = finished_ns };
	if (WIFEXITED(status)) {
		record.code = WEXITSTATUS(status);
	} else if (WIFSIGNALED(status)) {
		record.signal = WTERMSIG(status);
		record.code = 128 + record.signal;
	}
	return record;
}

static int sync_directory_of(const char *path)
{
	char directory[PATH_MAX];
	int err = directory_of(path, directory);
	if (err < 0)
		return err;
	CLEANUP_FD int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_synced(const char *path, const char *text, size_t length)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int err = write_all(fd, text, length);
	if (err == 0 && fsync(fd) < 0)
		err = -errno;
	return err;
}

int exit_record_write(const struct exit_record *record, const char *path)
{
	char temporary[PATH_MAX], text[160], finished[RFC3339_SIZE];
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	format_rfc3339(record->finished_ns, finished);
	int length = snprintf(text, sizeof(text),
			      "{\"exitCode\":%d,\"signal\":%d,\"ooms\":%d,\"finishedAt\":\"%s\"}\n",
			      record->code, record->signal, record->ooms, finished);
	int err = write_synced(temporary, text, (size_t)length);
	if (err == 0 && rename(temporary, path) < 0)
		err = -errno;
	if (err < 0) {
		unlink(temporary);
		return err;
	}
	return sync_directory_of(path);
}
