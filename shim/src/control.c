#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "console.h"
#include "lifecycle.h"
#include "shim.h"
#include "util.h"

static void answer(struct shim *shim, struct client *client, int err)
{
	if (err < 0)
		client_reply(shim, client, "err %s", strerror(-err));
	else
		client_reply(shim, client, "ok");
}

/* A first process that waits at the gate is nobody's business but the shim's. */
static bool has_started(const struct shim *shim)
{
	return shim->init_pid > 0 && shim->state >= STATE_RUNNING;
}

static void tell_state(struct shim *shim, struct client *client)
{
	client_reply(shim, client, "state %s %d", shim_state_name(shim), has_started(shim) ? (int)shim->init_pid : 0);
}

void control_greet(struct shim *shim, struct client *client)
{
	char line[PROTOCOL_LINE_MAX];
	shim->had_control = true;
	tell_state(shim, client);
	if (shim->oom.count > 0)
		client_reply(shim, client, "oom %d", shim->oom.count);
	if (shim->state < STATE_EXITED)
		return;
	shim_exit_line(shim, line, sizeof(line));
	client_reply(shim, client, "%s", line);
	if (shim->deleted_line) {
		client_send(shim, client, shim->deleted_line, strlen(shim->deleted_line));
		client_send(shim, client, "\n", 1);
	}
}

/* Whether the process is still what runc names so until its execve. */
static bool is_runtime_init(pid_t pid)
{
	char path[64], name[32];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	return read_text(path, name, sizeof(name)) > 0 && strncmp(name, "runc:[", 6) == 0;
}

/*
 * A signal is for the container's program. runc has told of the start a moment before it is there, and its init, a Go program, ends with
 * status 2 at most signals. Given up after a fifth of a second: the process may be frozen.
 */
static void await_program(pid_t pid)
{
	for (int looks = 0; looks < 200 && is_runtime_init(pid); looks++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
}

static void request_kill(struct shim *shim, struct client *client, const char *line)
{
	int signo;
	if (sscanf(line, "kill %d", &signo) != 1 || signo < 0 || signo > 64)
		client_reply(shim, client, "err invalid signal");
	else if (!has_started(shim) || shim->init_reaped)
		client_reply(shim, client, "err no such process");
	else {
		if (signo != 0 && signo != SIGKILL)
			await_program(shim->init_pid);
		/* not reaped yet, so the pid can't belong to anybody else */
		answer(shim, client, kill(shim->init_pid, signo) < 0 ? -errno : 0);
	}
}

static void request_resize(struct shim *shim, struct client *client, const char *line)
{
	unsigned short height, width;
	if (sscanf(line, "resize %hu %hu", &height, &width) != 2) {
		client_reply(shim, client, "err invalid size");
		return;
	}
	if (!shim->args.tty) {
		client_reply(shim, client, "err not a terminal");
		return;
	}
	shim->args.console_height = height;
	shim->args.console_width = width;
	/* before the terminal exists, the size is kept for it */
	answer(shim, client, shim->master < 0 ? 0 : console_resize(shim->master, height, width));
}

void control_request(struct shim *shim, struct client *client, const char *line)
{
	if (strcmp(line, "start") == 0) {
		shim_start(shim, client);
	} else if (strncmp(line, "kill ", 5) == 0) {
		request_kill(shim, client, line);
	} else if (strncmp(line, "resize ", 7) == 0) {
		request_resize(shim, client, line);
	} else if (strcmp(line, "close-stdin") == 0) {
		stdin_close(shim);
		answer(shim, client, 0);
	} else if (strcmp(line, "recorded") == 0) {
		shim->recorded = true;
		answer(shim, client, 0);
		clients_update(shim);
	} else if (strcmp(line, "delete") == 0 && shim->state == STATE_EXITED) {
		answer(shim, client, 0);
		lifecycle_delete(shim);
	} else if (strcmp(line, "state") == 0) {
		tell_state(shim, client);
	} else if (strcmp(line, "quit") == 0 && shim->state == STATE_CREATED) {
		lifecycle_quit(shim);
		answer(shim, client, 0);
	} else if (strcmp(line, "feed") == 0 && shim->state == STATE_CREATED && shim->args.gate) {
		answer(shim, client, lifecycle_feed(shim));
	} else if (strcmp(line, "claim") == 0 && shim->state == STATE_CREATED && shim->args.ahead && !shim->quitting) {
		answer(shim, client, shim_claim(shim));
	} else {
		client_reply(shim, client, "err cannot %s while %s", line, shim_state_name(shim));
	}
}
