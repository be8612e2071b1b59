#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "protocol.h"
#include "shim.h"
#include "util.h"

#define READ_BYTES (128U << 10)
#define BUFFER_BYTES (LOG_PIECE_BYTES + READ_BYTES)
/* A pipe that was found full gets this size: fewer turns between writer and shim. */
#define PIPE_BYTES (1 << 20)
/* Less than this is not worth reading while a client is behind. */
#define ROOM_MIN (64U << 10)
/* Reads before the other descriptors get their turn. */
#define READS_PER_TURN 8
/* Less is copied as cheaply. */
#define SPLICE_MIN (32U << 10)
/* More than this in a window is a flood, */
#define FLOOD_BYTES (64U << 10)
#define FLOOD_WINDOW_US 2000
/* during which the pipe is given this time to fill. */
#define GATHER_US 200
/* How often a terminal is looked at that no process has open. */
#define TERMINAL_RETRY_MS 500

static void stream_ready(struct shim *shim, struct source *source, uint32_t events)
{
	(void)events;
	stream_pump(shim, (struct stream *)source);
}

int stream_open(struct shim *shim, struct stream *stream, int fd, int type, bool terminal)
{
	*stream = (struct stream){ .source = { .fd = fd, .ready = stream_ready }, .type = type, .terminal = terminal };
	/* mapped and not allocated: only what is used becomes resident */
	stream->buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stream->buffer == MAP_FAILED) {
		stream->buffer = NULL;
		return -ENOMEM;
	}
	return source_watch(shim->epfd, &stream->source, EPOLLIN);
}

static void feed_log(struct shim *shim, struct stream *stream, size_t size, bool eof)
{
	if (!shim->log.open || stream->carried + size == 0)
		return;
	stream->carried += size;
	size_t used = logwriter_feed(&shim->log, stream->type, stream->buffer, stream->carried, eof);
	stream->carried -= used;
	memmove(stream->buffer, stream->buffer + used, stream->carried);
}

static void finish(struct shim *shim, struct stream *stream)
{
	if (stream->eof)
		return;
	stream->eof = true;
	source_unwatch(shim->epfd, &stream->source);
	feed_log(shim, stream, 0, true);
}

/* Nobody has the other end open. For a terminal that need not be the end: a process may open it again. */
static void ended(struct shim *shim, struct stream *stream)
{
	if (!stream->terminal || shim->init_reaped) {
		finish(shim, stream);
		return;
	}
	source_unwatch(shim->epfd, &stream->source);
	stream->retry_ms = monotonic_ms() + TERMINAL_RETRY_MS;
}

/*
 * A writer that writes small pieces without pause wakes the shim for each of them, and both spend their time on that. So
 * when much comes in little pieces, the shim lets the pipe fill for a moment. Nothing else waits noticeably longer.
 */
static void gather(struct stream *stream, size_t size)
{
	int64_t now = monotonic_us();
	stream->window_bytes += size;
	if (now - stream->window_us > FLOOD_WINDOW_US) {
		stream->flooding = stream->window_bytes >= FLOOD_BYTES && now - stream->window_us < 2 * FLOOD_WINDOW_US;
		stream->window_us = now;
		stream->window_bytes = 0;
	}
	if (!stream->flooding || stream->terminal)
		return;
	if (!stream->grown)
		fcntl(stream->source.fd, F_SETPIPE_SZ, PIPE_BYTES);
	stream->grown = true;
	if (size < READ_BYTES)
		usleep(GATHER_US);
}

/* Hands on without copying, if one client is the only one who wants it and there is enough; whether it did. */
static bool splice_once(struct shim *shim, struct stream *stream, size_t room)
{
	int available;
	size_t rest;
	if (shim->log.open || stream->terminal || ioctl(stream->source.fd, FIONREAD, &available) < 0)
		return false;
	size_t size = (size_t)available < room ? (size_t)available : room;
	if (size < SPLICE_MIN)
		return false;
	struct client *client = clients_splice(shim, stream->type, stream->source.fd, size, &rest);
	if (!client)
		return false;
	while (rest > 0) {
		ssize_t n = read(stream->source.fd, stream->buffer, rest < READ_BYTES ? rest : READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		client_send(shim, client, stream->buffer, (size_t)n);
		rest -= (size_t)n;
	}
	gather(stream, size);
	return true;
}

/* Reads and hands on once; false when there is nothing more to read now. */
static bool pump_once(struct shim *shim, struct stream *stream)
{
	size_t room = clients_room(shim, stream->type);
	if (room < ROOM_MIN) {
		stream->paused = true;
		clients_press(shim, stream->type);
		source_unwatch(shim->epfd, &stream->source);
		return false;
	}
	if (splice_once(shim, stream, room))
		return true;
	char *fresh = stream->buffer + stream->carried;
	size_t size = room < READ_BYTES ? room : READ_BYTES;
	ssize_t n = read(stream->source.fd, fresh, size);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		ended(shim, stream);
		return false;
	}
	shim->busy = true;
	clients_output(shim, stream->type, fresh, (size_t)n);
	feed_log(shim, stream, (size_t)n, false);
	gather(stream, (size_t)n);
	/* less than asked for: the pipe is empty */
	return (size_t)n == size;
}

void stream_pump(struct shim *shim, struct stream *stream)
{
	for (int i = 0; i < READS_PER_TURN && !stream->eof; i++) {
		if (!pump_once(shim, stream))
			return;
	}
}

void stream_resume(struct shim *shim, struct stream *stream)
{
	if (stream->eof)
		return;
	stream->paused = false;
	stream->retry_ms = 0;
	if (source_watch(shim->epfd, &stream->source, EPOLLIN) < 0)
		finish(shim, stream);
}

void stream_close(struct shim *shim, struct stream *stream)
{
	if (!stream->buffer)
		return;
	finish(shim, stream);
	source_close(shim->epfd, &stream->source);
	munmap(stream->buffer, BUFFER_BYTES);
	stream->buffer = NULL;
}

void stream_relax(struct stream *stream)
{
	size_t keep = (stream->carried + 4095) / 4096 * 4096;
	if (stream->buffer)
		madvise(stream->buffer + keep, BUFFER_BYTES - keep, MADV_DONTNEED);
}

static bool stdin_comes_later(const struct shim *shim)
{
	return shim->args.tty && shim->state < STATE_RUNNING;
}

int64_t stdin_write(struct shim *shim, const void *data, size_t size)
{
	struct source *source = &shim->stdin_source;
	if (source->fd < 0)
		return stdin_comes_later(shim) ? 0 : -EPIPE;
	ssize_t n = write(source->fd, data, size);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		source_close(shim->epfd, source);
		return -EPIPE;
	}
	size_t taken = n > 0 ? (size_t)n : 0;
	if (taken < size)
		source_watch(shim->epfd, source, EPOLLOUT);
	return (int64_t)taken;
}

void stdin_close(struct shim *shim)
{
	if (shim->args.tty)
		return;
	shim->stdin_closing = true;
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (client->in_length > 0)
			return;
	}
	source_close(shim->epfd, &shim->stdin_source);
}
