#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "shim.h"
#include "util.h"

#define READ_BYTES (16U << 10)
#define SOCKET_BUFFER_BYTES (1 << 20)

static void client_ready(struct shim *shim, struct source *source, uint32_t events);

static bool is_reader(const struct client *client, int stream)
{
	return client->kind == CLIENT_ATTACH && client->wants[stream] && !client->ending && !client->unreadable &&
	       !client->dead;
}

void clients_accept(struct shim *shim, struct source *source, uint32_t events)
{
	(void)events;
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct client *client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	client->source = (struct source){ .fd = fd, .ready = client_ready };
	client->progress_ms = monotonic_ms();
	client->next = shim->clients;
	shim->clients = client;
	client_update(shim, client);
}

static void lose_reader(struct client *client)
{
	client->unreadable = true;
	ring_clear(&client->out);
}

/* Sends without waiting; returns what the socket took. */
static size_t send_now(struct client *client, struct iovec *pieces, int count)
{
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)count };
	ssize_t n = sendmsg(client->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		return (size_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		lose_reader(client);
	return 0;
}

static void keep(struct client *client, const void *data, size_t size)
{
	if (client->unreadable || ring_put(&client->out, data, size) == 0)
		return;
	/* half a frame would garble everything after it */
	shim_log("no memory for a client's output; client dropped");
	client->dead = true;
}

static void send_pieces(struct shim *shim, struct client *client, struct iovec *pieces, int count)
{
	if (client->unreadable || client->dead)
		return;
	size_t sent = client->out.length == 0 ? send_now(client, pieces, count) : 0;
	if (sent > 0)
		client->progress_ms = monotonic_ms();
	for (int i = 0; i < count; i++) {
		size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
		sent -= skip;
		keep(client, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
	}
	client_update(shim, client);
}

void client_send(struct shim *shim, struct client *client, const void *data, size_t size)
{
	struct iovec piece = { (void *)data, size };
	send_pieces(shim, client, &piece, 1);
}

void client_reply(struct shim *shim, struct client *client, const char *format, ...)
{
	char line[PROTOCOL_LINE_MAX];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	client_send(shim, client, line, (size_t)length);
}

void clients_announce(struct shim *shim, const char *line)
{
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind != CLIENT_CONTROL)
			continue;
		struct iovec pieces[2] = { { (void *)line, strlen(line) }, { "\n", 1 } };
		send_pieces(shim, client, pieces, 2);
	}
}

static void put_header(unsigned char header[FRAME_HEADER_BYTES], int stream, size_t size)
{
	const unsigned char bytes[FRAME_HEADER_BYTES] = { (unsigned char)stream, 0, 0, 0, (unsigned char)(size >> 24),
							  (unsigned char)(size >> 16), (unsigned char)(size >> 8),
							  (unsigned char)size };
	memcpy(header, bytes, sizeof(bytes));
}

void clients_output(struct shim *shim, int stream, const void *data, size_t size)
{
	unsigned char header[FRAME_HEADER_BYTES];
	put_header(header, stream, size);
	for (struct client *client = shim->clients; client; client = client->next) {
		if (!is_reader(client, stream))
			continue;
		struct iovec pieces[2] = { { header, sizeof(header) }, { (void *)data, size } };
		if (shim->args.tty)
			send_pieces(shim, client, pieces + 1, 1);
		else
			send_pieces(shim, client, pieces, 2);
	}
}

static struct client *only_reader(const struct shim *shim, int stream)
{
	struct client *only = NULL;
	for (struct client *client = shim->clients; client; client = client->next) {
		if (!is_reader(client, stream))
			continue;
		if (only)
			return NULL;
		only = client;
	}
	return only;
}

struct client *clients_splice(struct shim *shim, int stream, int pipe, size_t size, size_t *rest)
{
	struct client *client = only_reader(shim, stream);
	if (!client || client->out.length > 0)
		return NULL;
	unsigned char header[FRAME_HEADER_BYTES];
	struct iovec piece = { header, sizeof(header) };
	put_header(header, stream, size);
	size_t sent = send_now(client, &piece, 1);
	if (sent == 0)
		return NULL;
	if (sent < sizeof(header))
		keep(client, header + sent, sizeof(header) - sent);
	ssize_t moved = client->out.length > 0 ? 0 : splice(pipe, NULL, client->source.fd, NULL, size, SPLICE_F_NONBLOCK);
	/* a client that is gone takes nothing; what it would have got is read and thrown away */
	*rest = moved > 0 ? size - (size_t)moved : size;
	client->progress_ms = monotonic_ms();
	return client;
}

size_t clients_room(const struct shim *shim, int stream)
{
	size_t limit = shim->state == STATE_DRAINING ? CLIENT_BACKLOG_AFTER_EXIT_BYTES : CLIENT_BACKLOG_BYTES;
	size_t room = limit;
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (!is_reader(client, stream))
			continue;
		size_t used = client->out.length + FRAME_HEADER_BYTES;
		size_t free_bytes = used < limit ? limit - used : 0;
		if (free_bytes < room)
			room = free_bytes;
	}
	return room;
}

static void resume_streams(struct shim *shim)
{
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++) {
		if (shim->streams[i].paused && clients_room(shim, shim->streams[i].type) >= CLIENT_BACKLOG_BYTES / 2)
			stream_resume(shim, &shim->streams[i]);
	}
}

static void flush(struct shim *shim, struct client *client)
{
	struct iovec pieces[2];
	int count = ring_pieces(&client->out, pieces);
	if (count == 0)
		return;
	size_t sent = send_now(client, pieces, count);
	if (sent > 0) {
		client->progress_ms = monotonic_ms();
		ring_drop(&client->out, sent);
	}
	resume_streams(shim);
}

/* Closing a unix socket with unread bytes in it would show the peer a reset where end of file is meant. */
static void hang_up(struct client *client)
{
	char waste[4096];
	shutdown(client->source.fd, SHUT_WR);
	for (int i = 0; i < 64 && recv(client->source.fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
		;
	client->dead = true;
}

void client_update(struct shim *shim, struct client *client)
{
	if (client->dead)
		return;
	bool spoken = client->in_eof && client->in_length == 0;
	if ((spoken && (client->unreadable || client->kind != CLIENT_ATTACH))) {
		client->dead = true;
		return;
	}
	if (client->ending && client->out.length == 0 && client->in_length == 0) {
		hang_up(client);
		return;
	}
	uint32_t events = 0;
	if (!client->in_eof && client->in_length == 0)
		events |= EPOLLIN;
	if (client->out.length > 0)
		events |= EPOLLOUT;
	/* a hangup is reported for ever, whatever is asked for */
	if (client->unreadable && events == 0)
		source_unwatch(shim->epfd, &client->source);
	else if (source_watch(shim->epfd, &client->source, events) < 0)
		client->dead = true;
}

/* The client's half close, after everything before it has been delivered. */
static void input_ended(struct shim *shim, struct client *client)
{
	if (client->kind != CLIENT_ATTACH || !client->wants[0] || !shim->args.stdin_open)
		return;
	if (shim->args.stdin_once && !shim->args.tty)
		stdin_close(shim);
	else
		client->ending = true;
}

static void take_stdin(struct shim *shim, struct client *client, const char *data, size_t size)
{
	if (!client->wants[0] || !shim->args.stdin_open)
		return;
	int64_t taken = stdin_write(shim, data, size);
	if (taken < 0 || (size_t)taken == size)
		return;
	client->in_length = size - (size_t)taken;
	client->in_offset = 0;
	client->in = malloc(client->in_length);
	if (!client->in) {
		shim_log("no memory for a client's input; client dropped");
		client->in_length = 0;
		client->dead = true;
		return;
	}
	memcpy(client->in, data + taken, client->in_length);
}

static void resume_client(struct shim *shim, struct client *client)
{
	if (client->in_length > 0) {
		int64_t taken = stdin_write(shim, client->in + client->in_offset, client->in_length);
		size_t done = taken < 0 ? client->in_length : (size_t)taken;
		client->in_offset += done;
		client->in_length -= done;
		if (client->in_length > 0)
			return;
		free(client->in);
		client->in = NULL;
		if (client->in_eof)
			input_ended(shim, client);
	}
	client_update(shim, client);
}

void clients_resume_stdin(struct shim *shim)
{
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_ATTACH && !client->dead)
			resume_client(shim, client);
	}
}

static void begin_attach(struct shim *shim, struct client *client, const char *line)
{
	int wants[3];
	if (sscanf(line, "attach %d %d %d", &wants[0], &wants[1], &wants[2]) != 3) {
		client->dead = true;
		return;
	}
	for (int i = 0; i < 3; i++)
		client->wants[i] = wants[i] != 0;
	client->kind = CLIENT_ATTACH;
	int size = SOCKET_BUFFER_BYTES;
	if (setsockopt(client->source.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(client->source.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	client_reply(shim, client, "attached");
	if (shim->state >= STATE_EXITED)
		client->ending = true;
}

static void take_line(struct shim *shim, struct client *client, const char *line)
{
	if (client->kind == CLIENT_CONTROL) {
		control_request(shim, client, line);
	} else if (strcmp(line, "control " PROTOCOL_VERSION) == 0) {
		client->kind = CLIENT_CONTROL;
		control_greet(shim, client);
	} else if (strncmp(line, "attach ", 7) == 0) {
		begin_attach(shim, client, line);
	} else {
		client_reply(shim, client, "err unknown greeting");
		client->dead = true;
	}
}

static void take_bytes(struct shim *shim, struct client *client, const char *data, size_t size)
{
	const char *end = data + size;
	while (data < end && client->kind != CLIENT_ATTACH && !client->dead) {
		if (*data != '\n') {
			if (client->line_length + 1 == sizeof(client->line))
				client->dead = true;
			else
				client->line[client->line_length++] = *data;
			data++;
			continue;
		}
		data++;
		client->line[client->line_length] = '\0';
		client->line_length = 0;
		take_line(shim, client, client->line);
	}
	if (data < end && client->kind == CLIENT_ATTACH)
		take_stdin(shim, client, data, (size_t)(end - data));
}

static void read_client(struct shim *shim, struct client *client)
{
	char chunk[READ_BYTES];
	if (client->in_eof || client->in_length > 0)
		return;
	ssize_t n = recv(client->source.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n > 0) {
		take_bytes(shim, client, chunk, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->in_eof = true;
	input_ended(shim, client);
}

static void client_ready(struct shim *shim, struct source *source, uint32_t events)
{
	struct client *client = (struct client *)source;
	if (client->dead)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		lose_reader(client);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_client(shim, client);
	if (events & EPOLLOUT)
		flush(shim, client);
	client_update(shim, client);
}

void clients_end_output(struct shim *shim)
{
	int64_t now = monotonic_ms();
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind != CLIENT_ATTACH)
			continue;
		client->ending = true;
		client->progress_ms = now;
		client_update(shim, client);
	}
}

int64_t clients_drop_stalled(struct shim *shim, int64_t now_ms)
{
	int64_t next = -1;
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_CONTROL || client->dead)
			continue;
		int64_t left = client->progress_ms + CLIENT_STALL_MS - now_ms;
		if (left <= 0)
			client->dead = true;
		else if (next < 0 || left < next)
			next = left;
	}
	return next;
}

static void free_client(struct shim *shim, struct client *client)
{
	if (client->kind == CLIENT_CONTROL)
		shim->created_ms = monotonic_ms();
	source_close(shim->epfd, &client->source);
	ring_clear(&client->out);
	free(client->in);
	free(client);
}

bool clients_sweep(struct shim *shim)
{
	bool attached = false, freed = false;
	for (struct client **link = &shim->clients; *link;) {
		struct client *client = *link;
		if (!client->dead) {
			attached |= client->kind != CLIENT_CONTROL;
			link = &client->next;
			continue;
		}
		*link = client->next;
		free_client(shim, client);
		freed = true;
	}
	if (freed)
		resume_streams(shim);
	return attached;
}

bool clients_have_control(const struct shim *shim)
{
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_CONTROL)
			return true;
	}
	return false;
}
