#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "shim.h"
#include "util.h"

#define SOCKET_BUFFER_BYTES (1 << 20)
#define READ_BYTES (16U << 10)

static void widen(int fd)
{
	int size = SOCKET_BUFFER_BYTES, domain = 0;
	socklen_t length = sizeof(domain);
	/* tcp finds a better size by itself */
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_UNIX)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* The beginning of a line is in no log yet, and would be missing between what is and what comes. */
static void send_carried(struct shim *shim, struct client *client)
{
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++) {
		const struct stream *stream = &shim->streams[i];
		if (!stream->eof && stream->carried > 0)
			client_output(shim, client, stream->type, stream->buffer, stream->carried);
	}
}

void attach_begin(struct shim *shim, struct client *client, const char *line)
{
	int wants[3];
	char mode[8] = "", seam[8] = "";
	if (sscanf(line, "attach %d %d %d %7s %7s", &wants[0], &wants[1], &wants[2], mode, seam) < 3) {
		client->dead = true;
		return;
	}
	for (int i = 0; i < 3; i++)
		client->wants[i] = wants[i] != 0;
	if (strcmp(mode, "held") != 0) {
		client->kind = CLIENT_ATTACH;
		widen(client->source.fd);
		client_reply(shim, client, "attached");
	} else {
		unsigned long long inode = 0;
		long long offset = 0;
		bool exact = strcmp(seam, "seam") == 0;
		if (exact)
			logwriter_mark(&shim->log, &inode, &offset);
		client_reply(shim, client, "attached %llu %lld", inode, offset);
		client->kind = CLIENT_ATTACH;
		client->held = true;
		if (exact)
			send_carried(shim, client);
	}
	if (shim->state >= STATE_EXITED)
		client->ending = true;
}

static void close_monitor(struct shim *shim, struct client *client)
{
	client->preface = 0;
	source_close(shim->epfd, &client->monitor);
}

/* The daemon says nothing here but what the client had said to it already; its end is not the client's. */
static void monitor_ready(struct shim *shim, struct source *source, uint32_t events)
{
	struct client *client = (struct client *)((char *)source - offsetof(struct client, monitor));
	char chunk[READ_BYTES];
	(void)events;
	size_t size = client->preface > 0 && client->preface < sizeof(chunk) ? client->preface : sizeof(chunk);
	ssize_t n = recv(source->fd, chunk, size, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_monitor(shim, client);
	} else if (client->preface > 0) {
		client->preface -= (size_t)n;
		attach_input(shim, client, chunk, (size_t)n);
	}
	client_update(shim, client);
}

static int hand_over(struct shim *shim, struct client *client, const char *line)
{
	char keys[2 * DETACH_KEYS_MAX + 1];
	size_t preface;
	if (client->passed_fd < 0 || sscanf(line, "handover %zu %128s", &preface, keys) != 2 ||
	    detach_parse(&client->detach, keys) < 0)
		return -EINVAL;
	int flags = fcntl(client->passed_fd, F_GETFL);
	if (flags < 0 || fcntl(client->passed_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	source_unwatch(shim->epfd, &client->source);
	client->monitor = (struct source){ .fd = client->source.fd, .ready = monitor_ready };
	client->source.fd = client->passed_fd;
	client->passed_fd = -1;
	client->preface = preface;
	client->handed = true;
	return 0;
}

void attach_request(struct shim *shim, struct client *client, const char *line)
{
	int err = strcmp(line, "relay") == 0 ? 0 : hand_over(shim, client, line);
	if (err < 0) {
		shim_log("a client could not be handed over: %s", strerror(-err));
		client->dead = true;
		return;
	}
	client->held = false;
	client->progress_ms = monotonic_ms();
	widen(client->source.fd);
	client_flush(shim, client);
}

void attach_input_ended(struct shim *shim, struct client *client)
{
	if (client->held) {
		client->dead = true;
		return;
	}
	if (!client->wants[0] || !shim->args.stdin_open)
		return;
	if (shim->args.stdin_once && !shim->args.tty)
		stdin_close(shim);
	else
		client->ending = true;
}

static void take_stdin(struct shim *shim, struct client *client, const char *data, size_t size)
{
	int64_t taken = client->in_length > 0 ? 0 : stdin_write(shim, data, size);
	if (taken < 0 || (size_t)taken == size)
		return;
	size_t left = size - (size_t)taken;
	char *in = malloc(client->in_length + left);
	if (!in) {
		shim_log("no memory for a client's input; client dropped");
		client->dead = true;
		return;
	}
	if (client->in_length > 0)
		memcpy(in, client->in + client->in_offset, client->in_length);
	memcpy(in + client->in_length, data + taken, left);
	free(client->in);
	client->in = in;
	client->in_offset = 0;
	client->in_length += left;
}

void attach_input(struct shim *shim, struct client *client, const char *data, size_t size)
{
	char typed[READ_BYTES + DETACH_KEYS_MAX];
	if (!client->wants[0] || !shim->args.stdin_open || client->lingering)
		return;
	while (size > 0 && !client->ending) {
		size_t part = size < READ_BYTES ? size : READ_BYTES, length;
		bool detached = detach_scan(&client->detach, data, part, typed, &length);
		if (length > 0)
			take_stdin(shim, client, typed, length);
		data += part;
		size -= part;
		if (!detached)
			continue;
		client->ending = true;
		if (client->monitor.fd >= 0)
			(void)!send(client->monitor.fd, "detached\n", 9, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void attach_resume(struct shim *shim, struct client *client)
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
			attach_input_ended(shim, client);
	}
	client_update(shim, client);
}
