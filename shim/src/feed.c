#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define CHUNK_BYTES (16U << 10)
#define FIRST_PAUSE_MS 1
/* Who has read the file itself never comes; little is lost by looking for him now and then. */
#define LONGEST_PAUSE_MS 64

void feed_init(struct feed *feed)
{
	*feed = (struct feed){ .fifo = { .fd = -1 }, .place = -1, .file = -1 };
}

int feed_open(struct feed *feed, const char *path)
{
	if (mkfifo(path, 0600) < 0)
		return -errno;
	feed->place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return feed->place < 0 ? -errno : 0;
}

int feed_begin(struct feed *feed, const char *path)
{
	struct stat st;
	close_and_forget(&feed->file);
	/* O_NONBLOCK: should it be the FIFO still, nobody is waited for */
	feed->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (feed->file < 0 || fstat(feed->file, &st) < 0)
		return -errno;
	feed->pause_ms = FIRST_PAUSE_MS;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

/* For writing; -ENXIO while nobody reads. */
static int open_place(const struct feed *feed)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", feed->place);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Of the pipe's and the file's positions the file's is put right when the pipe does not take everything. */
static int pass_on(struct feed *feed)
{
	char chunk[CHUNK_BYTES];
	ssize_t length;
	while ((length = read(feed->file, chunk, sizeof(chunk))) > 0) {
		ssize_t taken = write(feed->fifo.fd, chunk, (size_t)length);
		int err = taken < 0 ? -errno : 0;
		off_t left = length - (taken > 0 ? taken : 0);
		if (left > 0 && lseek(feed->file, -left, SEEK_CUR) < 0)
			return -errno;
		if (err < 0)
			return err;
	}
	return length < 0 ? -errno : 0;
}

int feed_step(struct feed *feed, int64_t now_ms)
{
	feed->retry_ms = 0;
	if (feed->fifo.fd < 0) {
		int fd = open_place(feed);
		if (fd == -ENXIO) {
			feed->retry_ms = now_ms + feed->pause_ms;
			feed->pause_ms = feed->pause_ms < LONGEST_PAUSE_MS ? 2 * feed->pause_ms : LONGEST_PAUSE_MS;
			return -EAGAIN;
		}
		if (fd < 0)
			return fd;
		feed->fifo.fd = fd;
	}
	return pass_on(feed);
}

bool feed_untouched(const struct feed *feed)
{
	return feed->place >= 0 && feed->fifo.fd < 0;
}

bool feed_is_new(const struct feed *feed)
{
	return feed_untouched(feed) && feed->pause_ms < LONGEST_PAUSE_MS;
}

void feed_end(struct feed *feed, int epfd)
{
	if (feed_untouched(feed)) {
		int fd = open_place(feed);
		close_and_forget(&fd);
	}
	source_close(epfd, &feed->fifo);
	close_and_forget(&feed->place);
	close_and_forget(&feed->file);
	feed->retry_ms = 0;
}
