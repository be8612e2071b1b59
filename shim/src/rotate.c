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

/* What deflate makes of a chunk, and with finish of everything that it still holds, to out. */
static int deflate_chunk(z_stream *z, int out, bool finish)
{
	unsigned char packed[32 << 10];
	do {
		z->next_out = packed;
		z->avail_out = sizeof(packed);
		if (deflate(z, finish ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return -EIO;
		int err = write_all(out, packed, sizeof(packed) - z->avail_out);
		if (err < 0)
			return err;
	} while (z->avail_out == 0);
	return 0;
}

static int deflate_all(z_stream *z, int in, int out)
{
	unsigned char chunk[32 << 10];
	for (;;) {
		ssize_t n = read(in, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		z->next_in = chunk;
		z->avail_in = (unsigned)n;
		int err = deflate_chunk(z, out, n == 0);
		if (err < 0 || n == 0)
			return err;
	}
}

/* The comment in the header says which file this was: a reader that has read that one does not read it again. */
static int gzip_stream(int in, int out, const struct stat *st)
{
	z_stream z = { 0 };
	char comment[64];
	snprintf(comment, sizeof(comment), "%llu %lld.%09ld", (unsigned long long)st->st_ino, (long long)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec);
	gz_header header = { .comment = (Bytef *)comment, .os = 3 };
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	int err = deflateSetHeader(&z, &header) == Z_OK ? deflate_all(&z, in, out) : -EIO;
	deflateEnd(&z);
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
	struct stat st;
	int err = fstat(in, &st) < 0 ? -errno : gzip_stream(in, out, &st);
	if (err == 0)
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
