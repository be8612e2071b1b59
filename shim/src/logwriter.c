#include "logwriter.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* What is put before each message. */
struct head {
	int stream;     /* or QUESTION */
	bool eof;
	unsigned token; /* of a question */
};

/* How far has it come? Answered with a struct progress when everything that was queued before is in the file. */
#define QUESTION 0

struct progress {
	unsigned token;
	unsigned long long inode;
	long long offset;
};

/* One read of a stream and what was carried over must fit. */
#define QUEUE_MIN_BYTES (256 << 10)
#define MESSAGE_MAX_BYTES (192U << 10)
/* How long a question waits for its answer; the container's output waits with it. */
#define ANSWER_WAIT_MS 250
/* How long the end waits for a log that can't be written. */
#define CLOSE_WAIT_MS 2000

int logwriter_open(struct logwriter *log, const struct log_options *options)
{
	*log = (struct logwriter){ .queue = -1 };
	int err = logfile_open(&log->file, options);
	log->open = err == 0;
	return err;
}

static bool progress_of(const struct logfile *file, struct progress *progress)
{
	struct stat st;
	if (fstat(file->fd, &st) < 0)
		return false;
	progress->inode = st.st_ino;
	progress->offset = file->size;
	return true;
}

static void answer(const struct logfile *file, int queue, unsigned token)
{
	struct progress progress = { .token = token };
	if (progress_of(file, &progress) && send(queue, &progress, sizeof(progress), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		shim_log("a question about %s was not answered: %s", file->options.path, strerror(errno));
}

static void write_queued(struct logfile *file, int queue)
{
	static char message[MESSAGE_MAX_BYTES];
	ssize_t n;
	while ((n = recv(queue, message, sizeof(message), 0)) != 0) {
		struct head head;
		if (n < (ssize_t)sizeof(head)) {
			if (n < 0 && errno != EINTR)
				break;
			continue;
		}
		memcpy(&head, message, sizeof(head));
		if (head.stream == QUESTION)
			answer(file, queue, head.token);
		else
			logfile_feed(file, head.stream, message + sizeof(head), (size_t)n - sizeof(head), head.eof);
	}
	logfile_close(file);
}

int logwriter_detach(struct logwriter *log, int64_t queue_bytes)
{
	int ends[2];
	if (!log->open || queue_bytes <= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	/* the kernel doubles it, for what a message costs besides its bytes */
	int size = queue_bytes < QUEUE_MIN_BYTES ? QUEUE_MIN_BYTES : queue_bytes > 1 << 30 ? 1 << 30 : (int)queue_bytes;
	if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	log->pid = fork();
	if (log->pid == 0) {
		/* pipes and clients must not be kept alive by this process */
		close_all_but(ends[1], log->file.fd);
		write_queued(&log->file, ends[1]);
		_exit(0);
	}
	int err = log->pid < 0 ? -errno : 0;
	close(ends[1]);
	if (err < 0) {
		log->pid = 0;
		close(ends[0]);
		return err;
	}
	log->queue = ends[0];
	logfile_close(&log->file);
	return 0;
}

size_t logwriter_feed(struct logwriter *log, int stream, const char *data, size_t size, bool eof)
{
	if (!log->open)
		return size;
	if (log->queue < 0)
		return logfile_feed(&log->file, stream, data, size, eof);
	struct head head = { .stream = stream, .eof = eof };
	size_t whole = logfile_complete(data, size, eof);
	if (whole == 0)
		return 0;
	struct iovec pieces[2] = { { &head, sizeof(head) }, { (void *)data, whole } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	if (sendmsg(log->queue, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && !log->dropped) {
		shim_log("%s can't keep up; output is left out of it", log->file.options.path);
		log->dropped = true;
	}
	return whole;
}

/* Asks the process that writes; false if it does not get there in time. */
static bool ask_progress(struct logwriter *log, struct progress *progress)
{
	const struct head head = { .stream = QUESTION, .token = ++log->questions };
	struct pollfd answered = { .fd = log->queue, .events = POLLIN };
	const int64_t until = monotonic_ms() + ANSWER_WAIT_MS;
	if (send(log->queue, &head, sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	for (int64_t left = ANSWER_WAIT_MS; left > 0; left = until - monotonic_ms()) {
		if (poll(&answered, 1, (int)left) <= 0)
			continue;
		if (recv(log->queue, progress, sizeof(*progress), MSG_DONTWAIT) != sizeof(*progress))
			return false;
		/* earlier questions that were not waited for are answered first */
		if (progress->token == head.token)
			return true;
	}
	return false;
}

void logwriter_mark(struct logwriter *log, unsigned long long *inode, long long *offset)
{
	struct progress progress;
	bool known = log->open && (log->queue < 0 ? progress_of(&log->file, &progress) : ask_progress(log, &progress));
	*inode = known ? progress.inode : 0;
	*offset = known ? progress.offset : 0;
}

void logwriter_relax(struct logwriter *log)
{
	if (log->open && log->queue < 0)
		logfile_relax(&log->file);
}

void logwriter_reaped(struct logwriter *log, pid_t pid)
{
	if (pid == log->file.compressor)
		log->file.compressor = 0;
	if (pid == log->pid)
		log->pid = 0;
}

void logwriter_close(struct logwriter *log)
{
	if (!log->open)
		return;
	log->open = false;
	if (log->queue < 0) {
		logfile_close(&log->file);
		return;
	}
	struct pollfd end = { .fd = log->queue };
	shutdown(log->queue, SHUT_WR);
	if (log->pid > 0)
		poll(&end, 1, CLOSE_WAIT_MS);
	close_and_forget(&log->queue);
}
