#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "json.h"
#include "protocol.h"
#include "rotate.h"

/* Written out when full, or when everything that was read is in it. */
#define BUFFER_BYTES (256U << 10)
/* What a line needs besides its text and the attributes. */
#define LINE_OVERHEAD 128

static int open_file(struct logfile *log, int flags)
{
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (log->fd < 0)
		return -errno;
	struct stat st;
	log->size = fstat(log->fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

int logfile_open(struct logfile *log, const char *path, const char *attrs, int64_t max_size, int max_files, bool compress)
{
	*log = (struct logfile){ .fd = -1, .path = path, .attrs = attrs, .max_size = max_size,
				 .max_files = max_files, .compress = compress, .second = -1 };
	size_t page = 4096;
	log->buffer_size = BUFFER_BYTES + (attrs ? (strlen(attrs) + page - 1) / page * page : 0);
	/* mapped and not allocated: only what is used becomes resident */
	log->buffer = mmap(NULL, log->buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (log->buffer == MAP_FAILED) {
		log->buffer = NULL;
		return -ENOMEM;
	}
	return open_file(log, 0);
}

static void write_failed(struct logfile *log, int err)
{
	if (!log->write_failed)
		shim_log("writing %s: %s; its lines are dropped until there is room", log->path, strerror(-err));
	log->write_failed = true;
}

static void flush(struct logfile *log)
{
	if (log->buffered == 0)
		return;
	int64_t before = log->size - (int64_t)log->buffered;
	int err = log->fd < 0 ? -EBADF : write_all(log->fd, log->buffer, log->buffered);
	log->buffered = 0;
	if (err == 0) {
		log->write_failed = false;
		return;
	}
	/* a line that is there in part would spoil the next one too */
	if (log->fd >= 0 && ftruncate(log->fd, before) == 0)
		log->size = before;
	write_failed(log, err);
}

static void await_compressor(struct logfile *log)
{
	if (log->compressor > 0) {
		while (waitpid(log->compressor, NULL, 0) < 0 && errno == EINTR)
			;
	}
	log->compressor = 0;
}

static void rotate(struct logfile *log)
{
	flush(log);
	/* the file to be moved may still be being compressed; dockerd waits too */
	await_compressor(log);
	close_and_forget(&log->fd);
	log->compressor = rotate_files(log->path, log->max_files, log->compress);
	int err = open_file(log, O_TRUNC);
	if (err < 0)
		write_failed(log, err);
}

static char *put(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	return out + length;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

/* RFC3339Nano; the text of the second is kept, as most lines have that of the line before. */
static char *put_time(struct logfile *log, char *out, int64_t ns)
{
	int64_t second = ns / 1000000000;
	uint32_t fraction = (uint32_t)(ns % 1000000000);
	if (second != log->second) {
		char text[RFC3339_SIZE];
		format_rfc3339(second * 1000000000, text);
		memcpy(log->second_text, text, 19);
		log->second = second;
	}
	out = put(out, log->second_text, 19);
	if (fraction == 0)
		return PUT(out, "Z");
	int digits = 9;
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	*out = '.';
	for (int i = digits; i > 0; i--, fraction /= 10)
		out[i] = (char)('0' + fraction % 10);
	out += digits + 1;
	return PUT(out, "Z");
}

static void put_line(struct logfile *log, int stream, const char *text, size_t length, bool newline, int64_t ns)
{
	if (log->max_size >= 0 && log->size >= log->max_size)
		rotate(log);
	size_t attrs = log->attrs ? strlen(log->attrs) : 0;
	if (log->buffered + length * JSON_ESCAPE_MAX + attrs + LINE_OVERHEAD > log->buffer_size)
		flush(log);
	char *begin = log->buffer + log->buffered;
	char *out = PUT(begin, "{\"log\":\"");
	out = json_escape(out, text, length);
	if (newline)
		out = PUT(out, "\\n");
	out = stream == STREAM_STDOUT ? PUT(out, "\",\"stream\":\"stdout\"") : PUT(out, "\",\"stream\":\"stderr\"");
	if (attrs > 0) {
		out = PUT(out, ",\"attrs\":");
		out = put(out, log->attrs, attrs);
	}
	out = PUT(out, ",\"time\":\"");
	out = put_time(log, out, ns);
	out = PUT(out, "\"}\n");
	log->buffered += (size_t)(out - begin);
	log->size += out - begin;
}

/* The time of a piece: all pieces of a line carry that of its first. Source: dockerd's log copier. */
static int64_t piece_ns(struct logfile *log, int stream, bool last, int64_t now)
{
	int64_t *partial = &log->partial_ns[stream - 1];
	int64_t ns = *partial;
	if (ns == 0) {
		ns = now > log->last_ns ? now : log->last_ns + 1;
		log->last_ns = ns;
	}
	*partial = last ? 0 : ns;
	return ns;
}

size_t logfile_feed(struct logfile *log, int stream, const char *data, size_t size, bool eof)
{
	const char *p = data, *end = data + size;
	int64_t now = realtime_ns();
	while (p < end) {
		size_t left = (size_t)(end - p);
		const char *newline = memchr(p, '\n', left < LOG_PIECE_BYTES ? left : LOG_PIECE_BYTES);
		size_t length = newline ? (size_t)(newline - p) : LOG_PIECE_BYTES;
		if (!newline && left < LOG_PIECE_BYTES) {
			if (!eof)
				break;
			length = left;
		}
		put_line(log, stream, p, length, newline != NULL, piece_ns(log, stream, newline != NULL, now));
		p += length + (newline != NULL);
	}
	flush(log);
	return (size_t)(p - data);
}

void logfile_relax(struct logfile *log)
{
	if (log->buffer)
		madvise(log->buffer, log->buffer_size, MADV_DONTNEED);
}

void logfile_close(struct logfile *log)
{
	flush(log);
	await_compressor(log);
	close_and_forget(&log->fd);
	if (log->buffer)
		munmap(log->buffer, log->buffer_size);
	log->buffer = NULL;
}
