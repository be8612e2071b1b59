#include "rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "util.h"

static int gzip_stream(int in, int out)
{
	int copy = dup(out);
	if (copy < 0)
		return -errno;
	gzFile gz = gzdopen(copy, "wb6");
	if (!gz) {
		close(copy);
		return -ENOMEM;
	}
	char chunk[32 << 10];
	ssize_t n;
	int err = 0;
	while ((n = read(in, chunk, sizeof(chunk))) > 0 && err == 0) {
		if (gzwrite(gz, chunk, (unsigned)n) != n)
			err = -EIO;
	}
	if (n < 0)
		err = -errno;
	if (gzclose(gz) != Z_OK && err == 0)
		err = -EIO;
	return err;
}

int compress_file(const char *path)
{
	char partial[PATH_MAX], final[PATH_MAX];
	if (snprintf(partial, sizeof(partial), "%s.gz.tmp", path) >= (int)sizeof(partial))
		return -ENAMETOOLONG;
	snprintf(final, sizeof(final), "%s.gz", path);
	CLEANUP_FD int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	CLEANUP_FD int out = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (out < 0)
		return -errno;
	int err = gzip_stream(in, out);
	/* readers tell by the modification time which file this was */
	struct stat st;
	if (err == 0 && fstat(in, &st) == 0)
		futimens(out, (struct timespec[2]){ st.st_atim, st.st_mtim });
	if (err == 0 && rename(partial, final) < 0)
		err = -errno;
	if (err < 0) {
		unlink(partial);
		return err;
	}
	return unlink(path) < 0 ? -errno : 0;
}

static pid_t start_compressor(const char *path)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid < 0 ? 0 : pid;
	/* what the child inherits would keep clients and pipes open after the shim has closed them */
	close_range(3, ~0U, 0);
	setpriority(PRIO_PROCESS, 0, 19);
	int err = compress_file(path);
	if (err < 0)
		shim_log("compressing %s: errno %d", path, -err);
	_exit(err < 0);
}

/* Moves path.from (or path itself for 0) to path.to, in the form that the suffix says. */
static void move(const char *path, int from, int to, const char *suffix)
{
	char source[PATH_MAX], target[PATH_MAX];
	if (from == 0)
		snprintf(source, sizeof(source), "%s", path);
	else
		snprintf(source, sizeof(source), "%s.%d%s", path, from, suffix);
	snprintf(target, sizeof(target), "%s.%d%s", path, to, suffix);
	if (rename(source, target) < 0 && errno != ENOENT)
		shim_log("rotating %s: errno %d", source, errno);
}

pid_t rotate_files(const char *path, int max_files, bool compress)
{
	if (max_files < 2) {
		/* not truncated in place: somebody who reads it can read it to its end */
		unlink(path);
		return 0;
	}
	char name[PATH_MAX];
	if (snprintf(name, sizeof(name), "%s.%d.gz.tmp", path, max_files) >= (int)sizeof(name))
		return 0;
	snprintf(name, sizeof(name), "%s.%d.gz", path, max_files - 1);
	unlink(name);
	snprintf(name, sizeof(name), "%s.%d", path, max_files - 1);
	unlink(name);
	/* both forms: an earlier run may have had the other setting, and a compression may have failed */
	for (int i = max_files - 1; i > 1; i--) {
		move(path, i - 1, i, ".gz");
		move(path, i - 1, i, "");
	}
	move(path, 0, 1, "");
	if (!compress)
		return 0;
	snprintf(name, sizeof(name), "%s.1", path);
	return start_compressor(name);
}
