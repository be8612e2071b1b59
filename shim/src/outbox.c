#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "util.h"

/* What has been read of the file gives its room back in steps of this. */
#define PUNCH_BYTES (16 << 20)
#define SEND_BYTES (1 << 20)

static int open_file(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	/* not every file system has that */
	CLEANUP_FREE char *path = NULL;
	if (asprintf(&path, "%s/.attach-XXXXXX", directory) < 0)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int64_t outbox_length(const struct outbox *box)
{
	return (int64_t)box->memory.length + box->file_end - box->file_begin;
}

static int put_file(struct outbox *box, const char *directory, const char *data, size_t size)
{
	if (box->file_end - box->file_begin + (int64_t)size > OUTBOX_FILE_BYTES)
		return -ENOBUFS;
	if (box->file_end == 0) {
		box->file = open_file(directory);
		if (box->file < 0)
			return box->file;
	}
	for (size_t done = 0; done < size;) {
		ssize_t n = pwrite(box->file, data + done, size - done, box->file_end + (int64_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;
			if (box->file_end == 0)
				close(box->file);
			return err;
		}
		done += (size_t)n;
	}
	box->file_end += (int64_t)size;
	return 0;
}

int outbox_put(struct outbox *box, const char *directory, const void *data, size_t size)
{
	if (size == 0)
		return 0;
	if (box->file_end == 0 && box->memory.length + size <= OUTBOX_MEMORY_BYTES)
		return ring_put(&box->memory, data, size);
	return put_file(box, directory, data, size);
}

static void drop_file(struct outbox *box)
{
	if (box->file_end > 0)
		close(box->file);
	box->file_begin = box->file_end = box->punched = 0;
}

static void punch(struct outbox *box)
{
	if (box->file_begin - box->punched < PUNCH_BYTES)
		return;
	fallocate(box->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, box->punched, box->file_begin - box->punched);
	box->punched = box->file_begin;
}

static int64_t send_memory(struct outbox *box, int fd)
{
	struct iovec pieces[2];
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)ring_pieces(&box->memory, pieces) };
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	ring_drop(&box->memory, (size_t)n);
	return n;
}

static int64_t send_file(struct outbox *box, int fd)
{
	off_t offset = box->file_begin;
	int64_t left = box->file_end - box->file_begin;
	ssize_t n = sendfile(fd, box->file, &offset, left < SEND_BYTES ? (size_t)left : SEND_BYTES);
	if (n < 0)
		return -errno;
	/* a file that has become shorter under our hands */
	if (n == 0)
		return -EIO;
	box->file_begin += n;
	if (box->file_begin == box->file_end)
		drop_file(box);
	else
		punch(box);
	return n;
}

int64_t outbox_send(struct outbox *box, int fd)
{
	int64_t total = 0;
	while (outbox_length(box) > 0) {
		int64_t n = box->memory.length > 0 ? send_memory(box, fd) : send_file(box, fd);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return total > 0 && (n == -EAGAIN || n == -ENOBUFS) ? total : n == -ENOBUFS ? -EAGAIN : n;
		total += n;
		if (total >= SEND_BYTES)
			break;
	}
	return total;
}

void outbox_clear(struct outbox *box)
{
	ring_clear(&box->memory);
	drop_file(box);
}
