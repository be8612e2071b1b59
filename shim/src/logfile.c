#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "json.h"
#include "locallog.h"
#include "protocol.h"
#include "rotate.h"

/* Written out when full, or when everything that was read is in it. */
#define BUFFER_BYTES (256U << 10)
/* What a line needs besides its text and the attributes. */
#define LINE_OVERHEAD 128

static int open_file(struct logfile *log, int flags)
{
	log->fd = open(log->options.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (log->fd < 0)
		return -errno;
	struct stat st;
	log->size = fstat(log->fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

int logfile_open(struct logfile *log, const struct log_options *options)
{
	*log = (struct logfile){ .fd = -1, .options = *options, .second = -1 };
	const char *attrs = options->attrs;
	size_t page = 4096;
	log->attrs_length = attrs ? strlen(attrs) : 0;
	log->buffer_size = BUFFER_BYTES + (log->attrs_length + page - 1) / page * page;
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
		shim_log("writing %s: %s; its lines are dropped until there is room", log->options.path, strerror(-err));
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
	/* readers tell the order of rotated files by it; the kernel's clock has the same time for several of them */
	if (log->fd >= 0 && log->last_ns > 0)
		futimens(log->fd, (struct timespec[2]){ { .tv_nsec = UTIME_OMIT },
							{ log->last_ns / 1000000000, log->last_ns % 1000000000 } });
	close_and_forget(&log->fd);
	log->compressor = rotate_files(log->options.path, log->options.max_files, log->options.compress);
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

static char *put_json(struct logfile *log, char *out, const struct log_piece *piece)
{
	const char *attrs = log->options.attrs;
	out = PUT(out, "{\"log\":\"");
	out = json_escape(out, piece->text, piece->length);
	if (piece->newline)
		out = PUT(out, "\\n");
	out = piece->stream == STREAM_STDOUT ? PUT(out, "\",\"stream\":\"stdout\"") : PUT(out, "\",\"stream\":\"stderr\"");
	if (attrs) {
		out = PUT(out, ",\"attrs\":");
		out = put(out, attrs, log->attrs_length);
	}
	out = PUT(out, ",\"time\":\"");
	out = put_time(log, out, piece->ns);
	return PUT(out, "\"}\n");
}

static void put_piece(struct logfile *log, const struct log_piece *piece)
{
	if (log->options.max_size >= 0 && log->size >= log->options.max_size)
		rotate(log);
	if (log->buffered + piece->length * JSON_ESCAPE_MAX + log->attrs_length + LINE_OVERHEAD > log->buffer_size)
		flush(log);
	char *begin = log->buffer + log->buffered;
	char *out = log->options.format == LOG_LOCAL ? locallog_put(begin, piece) : put_json(log, begin, piece);
	log->buffered += (size_t)(out - begin);
	log->size += out - begin;
}

/* The place of a piece in its line; all pieces of a line carry the time of its first. Source: dockerd's log copier. */
static void place_piece(struct logfile *log, struct log_piece *piece, int64_t now)
{
	int64_t *partial = &log->partial_ns[piece->stream - 1];
	unsigned *ordinal = &log->ordinal[piece->stream - 1];
	piece->ns = *partial;
	if (piece->ns == 0) {
		piece->ns = now > log->last_ns ? now : log->last_ns + 1;
		log->last_ns = piece->ns;
		*ordinal = 0;
	}
	/* 0 for a line that is whole */
	piece->ordinal = piece->newline && *partial == 0 ? 0 : ++*ordinal;
	*partial = piece->newline ? 0 : piece->ns;
}

/* The next piece of data, or false if it is not complete yet. */
static bool next_piece(const char *data, size_t size, bool eof, size_t *length, bool *newline)
{
	const char *end = memchr(data, '\n', size < LOG_PIECE_BYTES ? size : LOG_PIECE_BYTES);
	*newline = end != NULL;
	*length = end ? (size_t)(end - data) : size < LOG_PIECE_BYTES ? size : LOG_PIECE_BYTES;
	return size > 0 && (end || size >= LOG_PIECE_BYTES || eof);
}

size_t logfile_complete(const char *data, size_t size, bool eof)
{
	size_t length, done = 0;
	bool newline;
	if (eof)
		return size;
	const char *last = memrchr(data, '\n', size);
	if (last)
		done = (size_t)(last - data) + 1;
	while (next_piece(data + done, size - done, false, &length, &newline))
		done += length + newline;
	return done;
}

size_t logfile_feed(struct logfile *log, int stream, const char *data, size_t size, bool eof)
{
	struct log_piece piece = { .stream = stream, .text = data };
	const char *end = data + size;
	int64_t now = realtime_ns();
	while (next_piece(piece.text, (size_t)(end - piece.text), eof, &piece.length, &piece.newline)) {
		place_piece(log, &piece, now);
		put_piece(log, &piece);
		piece.text += piece.length + piece.newline;
	}
	flush(log);
	return (size_t)(piece.text - data);
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
