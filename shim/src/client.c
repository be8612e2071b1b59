#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "attach.h"
#include "control.h"
#include "passfd.h"
#include "shim.h"
#include "util.h"

#define READ_BYTES (16U << 10)

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
	client->monitor.fd = client->passed_fd = -1;
	client->progress_ms = monotonic_ms();
	client->next = shim->clients;
	shim->clients = client;
	client_update(shim, client);
}

static void lose_reader(struct client *client)
{
	client->unreadable = true;
	outbox_clear(&client->out);
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

/* Not the socket's directory: that is in memory, where output must not pile up. */
static const char *spool_directory(const struct shim *shim)
{
	return shim->args.spool ? shim->args.spool : "/tmp";
}

static void keep(struct shim *shim, struct client *client, const void *data, size_t size)
{
	if (client->unreadable)
		return;
	int err = outbox_put(&client->out, spool_directory(shim), data, size);
	if (err == 0)
		return;
	/* half a frame would garble everything after it */
	shim_log("a client's output can't be kept: %s; client dropped", strerror(-err));
	client->dead = true;
}

static void send_pieces(struct shim *shim, struct client *client, struct iovec *pieces, int count)
{
	if (client->unreadable || client->dead)
		return;
	bool now = !client->held && outbox_length(&client->out) == 0;
	size_t sent = now ? send_now(client, pieces, count) : 0;
	if (sent > 0)
		client->progress_ms = monotonic_ms();
	for (int i = 0; i < count; i++) {
		size_t skip = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
		sent -= skip;
		keep(shim, client, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
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

void client_output(struct shim *shim, struct client *client, int stream, const void *data, size_t size)
{
	unsigned char header[FRAME_HEADER_BYTES];
	if (!is_reader(client, stream))
		return;
	put_header(header, stream, size);
	struct iovec pieces[2] = { { header, sizeof(header) }, { (void *)data, size } };
	if (shim->args.tty)
		send_pieces(shim, client, pieces + 1, 1);
	else
		send_pieces(shim, client, pieces, 2);
}

void clients_output(struct shim *shim, int stream, const void *data, size_t size)
{
	for (struct client *client = shim->clients; client; client = client->next)
		client_output(shim, client, stream, data, size);
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
	if (!client || client->held || outbox_length(&client->out) > 0)
		return NULL;
	unsigned char header[FRAME_HEADER_BYTES];
	struct iovec piece = { header, sizeof(header) };
	put_header(header, stream, size);
	size_t sent = send_now(client, &piece, 1);
	if (sent == 0)
		return NULL;
	if (sent < sizeof(header))
		keep(shim, client, header + sent, sizeof(header) - sent);
	ssize_t moved = outbox_length(&client->out) > 0 ? 0 : splice(pipe, NULL, client->source.fd, NULL, size, SPLICE_F_NONBLOCK);
	/* a client that is gone takes nothing; what it would have got is read and thrown away */
	*rest = moved > 0 ? size - (size_t)moved : size;
	client->progress_ms = monotonic_ms();
	return client;
}

static bool is_waited_for(const struct shim *shim, const struct client *client, int stream)
{
	return is_reader(client, stream) && !client->lagging && shim->state < STATE_DRAINING;
}

size_t clients_room(const struct shim *shim, int stream)
{
	size_t room = CLIENT_BACKLOG_BYTES;
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (!is_waited_for(shim, client, stream))
			continue;
		int64_t left = (int64_t)CLIENT_BACKLOG_BYTES - outbox_length(&client->out) - FRAME_HEADER_BYTES;
		if (left < (int64_t)room)
			room = left > 0 ? (size_t)left : 0;
	}
	return room;
}

void clients_press(struct shim *shim, int stream)
{
	for (struct client *client = shim->clients; client; client = client->next) {
		if (is_waited_for(shim, client, stream) && client->pressed_ms == 0 &&
		    outbox_length(&client->out) > CLIENT_BACKLOG_BYTES / 2)
			client->pressed_ms = monotonic_ms();
	}
}

static void resume_streams(struct shim *shim)
{
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++) {
		if (shim->streams[i].paused && clients_room(shim, shim->streams[i].type) >= CLIENT_BACKLOG_BYTES / 2)
			stream_resume(shim, &shim->streams[i]);
	}
}

/* How far behind it is now decides whether the container waits for it. */
static void relieve(struct shim *shim, struct client *client)
{
	int64_t behind = outbox_length(&client->out);
	if (behind <= CLIENT_BACKLOG_BYTES / 2)
		client->pressed_ms = 0;
	if (behind == 0)
		client->lagging = false;
	resume_streams(shim);
}

void client_flush(struct shim *shim, struct client *client)
{
	if (client->held || outbox_length(&client->out) == 0)
		return;
	int64_t sent = outbox_send(&client->out, client->source.fd);
	if (sent > 0)
		client->progress_ms = monotonic_ms();
	if (sent < 0 && sent != -EAGAIN && sent != -EINTR)
		lose_reader(client);
	relieve(shim, client);
}

/* Closing a socket with unread bytes in it would show the peer a reset where end of file is meant. */
static void hang_up(struct shim *shim, struct client *client)
{
	char waste[4096];
	shutdown(client->source.fd, SHUT_WR);
	for (int i = 0; i < 64 && recv(client->source.fd, waste, sizeof(waste), MSG_DONTWAIT) > 0; i++)
		;
	client->lingering = client->handed && !client->in_eof;
	client->dead = !client->lingering;
	client->progress_ms = monotonic_ms();
	source_close(shim->epfd, &client->monitor);
}

/* A client that asks for the container's state when its stream has ended is to see the exit there. */
static bool awaits_record(const struct shim *shim, const struct client *client)
{
	return client->handed && shim->state == STATE_EXITED && !shim->recorded && clients_have_control(shim) &&
	       monotonic_ms() < shim->exited_ms + RECORD_WAIT_MS;
}

static void watch_client(struct shim *shim, struct client *client)
{
	uint32_t events = 0;
	if (!client->in_eof && client->in_length == 0 && client->preface == 0)
		events |= EPOLLIN;
	if (outbox_length(&client->out) > 0 && !client->held)
		events |= EPOLLOUT;
	/* a hangup is reported for ever, whatever is asked for */
	if (client->unreadable && events == 0)
		source_unwatch(shim->epfd, &client->source);
	else if (source_watch(shim->epfd, &client->source, events) < 0)
		client->dead = true;
	if (client->preface > 0 && client->in_length > 0)
		source_unwatch(shim->epfd, &client->monitor);
	else
		source_watch(shim->epfd, &client->monitor, EPOLLIN);
}

void client_update(struct shim *shim, struct client *client)
{
	if (client->dead)
		return;
	bool spoken = client->in_eof && client->in_length == 0;
	if (spoken && (client->unreadable || client->lingering || client->kind != CLIENT_ATTACH)) {
		client->dead = true;
		return;
	}
	bool is_served = outbox_length(&client->out) == 0 && client->in_length == 0 && !client->held && !client->lingering;
	if (client->ending && is_served && !awaits_record(shim, client)) {
		hang_up(shim, client);
		if (client->dead)
			return;
	}
	watch_client(shim, client);
}

void clients_update(struct shim *shim)
{
	for (struct client *client = shim->clients; client; client = client->next)
		client_update(shim, client);
}

void clients_resume_stdin(struct shim *shim)
{
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_ATTACH && !client->dead)
			attach_resume(shim, client);
	}
}

static void take_line(struct shim *shim, struct client *client, const char *line)
{
	if (client->kind == CLIENT_CONTROL) {
		control_request(shim, client, line);
	} else if (strcmp(line, "control " PROTOCOL_VERSION) == 0) {
		client->kind = CLIENT_CONTROL;
		control_greet(shim, client);
	} else if (client->held) {
		attach_request(shim, client, line);
	} else if (strncmp(line, "attach ", 7) == 0) {
		attach_begin(shim, client, line);
	} else {
		client_reply(shim, client, "err unknown greeting");
		client->dead = true;
	}
}

static void take_bytes(struct shim *shim, struct client *client, const char *data, size_t size)
{
	const char *end = data + size;
	while (data < end && (client->kind != CLIENT_ATTACH || client->held) && !client->dead) {
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
	if (data == end || client->dead)
		return;
	size_t left = (size_t)(end - data);
	if (client->handed)
		client->preface -= left < client->preface ? left : client->preface;
	attach_input(shim, client, data, left);
}

/* As recv; keeps a descriptor that came along. */
static ssize_t receive(struct client *client, char *chunk, size_t size)
{
	int fd;
	ssize_t n = receive_with_fd(client->source.fd, chunk, size, MSG_DONTWAIT, &fd);
	if (fd >= 0) {
		close_and_forget(&client->passed_fd);
		client->passed_fd = fd;
	}
	return n;
}

static void read_client(struct shim *shim, struct client *client)
{
	char chunk[READ_BYTES];
	if (client->in_eof || client->in_length > 0 || client->preface > 0)
		return;
	ssize_t n = client->handed ? recv(client->source.fd, chunk, sizeof(chunk), MSG_DONTWAIT) :
				     receive(client, chunk, sizeof(chunk));
	if (n > 0) {
		if (client->handed)
			attach_input(shim, client, chunk, (size_t)n);
		else
			take_bytes(shim, client, chunk, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->in_eof = true;
	if (client->kind == CLIENT_ATTACH && client->in_length == 0)
		attach_input_ended(shim, client);
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
		client_flush(shim, client);
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

/* How long a client may do nothing; -1 for ever. */
static int64_t patience_ms(const struct shim *shim, const struct client *client)
{
	if (client->lingering)
		return CLIENT_LINGER_MS;
	if (awaits_record(shim, client))
		return RECORD_WAIT_MS;
	return shim->state == STATE_EXITED && client->kind != CLIENT_CONTROL ? CLIENT_STALL_MS : -1;
}

int64_t clients_tick(struct shim *shim, int64_t now_ms)
{
	int64_t next = -1;
	bool relieved = false;
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->dead)
			continue;
		if (client->pressed_ms > 0 && now_ms >= client->pressed_ms + CLIENT_GRACE_MS) {
			client->pressed_ms = 0;
			client->lagging = relieved = true;
		}
		if (client->handed && shim->state == STATE_EXITED)
			client_update(shim, client);
		int64_t patience = patience_ms(shim, client);
		int64_t left = client->pressed_ms > 0 ? client->pressed_ms + CLIENT_GRACE_MS - now_ms : INT64_MAX;
		if (patience >= 0 && client->progress_ms + patience - now_ms < left)
			left = client->progress_ms + patience - now_ms;
		if (left <= 0 && !awaits_record(shim, client))
			client->dead = true;
		if (client->dead)
			next = 0;
		else if (left < INT64_MAX && (next < 0 || left < next))
			next = left > 0 ? left : 1;
	}
	if (relieved)
		resume_streams(shim);
	return next;
}

static void free_client(struct shim *shim, struct client *client)
{
	if (client->kind == CLIENT_CONTROL)
		shim->created_ms = monotonic_ms();
	source_close(shim->epfd, &client->source);
	source_close(shim->epfd, &client->monitor);
	close_and_forget(&client->passed_fd);
	outbox_clear(&client->out);
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

void clients_leave(struct shim *shim)
{
	for (struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_ATTACH && !client->dead)
			hang_up(shim, client);
	}
}

bool clients_are_attached(const struct shim *shim)
{
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (!client->dead && client->kind != CLIENT_CONTROL)
			return true;
	}
	return false;
}

bool clients_have_control(const struct shim *shim)
{
	for (const struct client *client = shim->clients; client; client = client->next) {
		if (client->kind == CLIENT_CONTROL)
			return true;
	}
	return false;
}
