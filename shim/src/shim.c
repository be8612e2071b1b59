#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "console.h"
#include "lifecycle.h"
#include "unixsocket.h"
#include "util.h"

#define BACKLOG 64
#define EVENTS_PER_TURN 16
/* After this much quiet, buffers are given back to the kernel. */
#define QUIET_MS 500

const char *shim_state_name(const struct shim *shim)
{
	static const char *const names[] = { "created", "starting", "running", "running", "exited", "exited" };
	return names[shim->state];
}

void shim_started_line(const struct shim *shim, char *out, size_t size)
{
	char started[RFC3339_SIZE];
	format_rfc3339(shim->started_ns, started);
	snprintf(out, size, "started %d %s", (int)shim->init_pid, started);
}

void shim_exit_line(const struct shim *shim, char *out, size_t size)
{
	char finished[RFC3339_SIZE];
	const struct exit_record *record = &shim->record;
	format_rfc3339(record->finished_ns, finished);
	snprintf(out, size, "exit %d %d %d %s", record->code, record->signal, record->ooms, finished);
}

static void on_signal(struct shim *shim, struct source *source, uint32_t events)
{
	(void)events;
	struct signalfd_siginfo info;
	while (read(source->fd, &info, sizeof(info)) > 0)
		;
	lifecycle_look_for_pid(shim);
	lifecycle_reap(shim);
}

static void on_console(struct shim *shim, struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	lifecycle_take_console(shim);
}

static void on_stdin_writable(struct shim *shim, struct source *source, uint32_t events)
{
	(void)events;
	source_unwatch(shim->epfd, source);
	clients_resume_stdin(shim);
	if (shim->stdin_closing)
		stdin_close(shim);
}

/* The daemon's end must not be the container's: of all signals only SIGCHLD means anything to the shim, and SIGIO (runtime_watch_pid). */
static int open_signals(struct shim *shim)
{
	sigset_t set;
	const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM,
				SIGTSTP, SIGTTIN, SIGTTOU };
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_SETMASK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	shim->signals = (struct source){ .fd = fd, .ready = on_signal };
	return source_watch(shim->epfd, &shim->signals, EPOLLIN);
}

static int open_stdin(struct shim *shim)
{
	shim->stdin_source = (struct source){ .fd = -1, .ready = on_stdin_writable };
	if (shim->args.tty)
		return 0;
	if (!shim->args.stdin_open) {
		shim->stdin_read_end = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return shim->stdin_read_end < 0 ? -errno : 0;
	}
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	shim->stdin_read_end = ends[0];
	shim->stdin_source.fd = ends[1];
	return fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int shim_open_console(struct shim *shim)
{
	shim->console = (struct source){ .fd = -1, .ready = on_console };
	if (!shim->args.tty)
		return 0;
	free(shim->console_path);
	shim->console_path = NULL;
	if (asprintf(&shim->console_path, "%s.tty", shim->args.socket) < 0)
		return -ENOMEM;
	shim->console.fd = console_listen(shim->console_path);
	if (shim->console.fd < 0)
		return shim->console.fd;
	return source_watch(shim->epfd, &shim->console, EPOLLIN);
}

static int open_log(struct shim *shim)
{
	return shim->args.log.path ? logwriter_open(&shim->log, &shim->args.log) : 0;
}

/* A container that may never be started leaves no log. */
static int open_log_unless_ahead(struct shim *shim)
{
	return shim->args.ahead ? 0 : open_log(shim);
}

static void detach_log(struct shim *shim)
{
	int err = logwriter_detach(&shim->log, shim->args.log_queue);
	if (err < 0)
		shim_log("%s is written without a queue: %s", shim->args.log.path, strerror(-err));
}

int shim_claim(struct shim *shim)
{
	/* a runtime may have been killed a moment ago, with word of it yet to come */
	lifecycle_reap(shim);
	if (shim->state != STATE_CREATED || shim->quitting || !lifecycle_is_sound(shim))
		return -ESRCH;
	shim->claimed = true;
	if (shim->log.open)
		return 0;
	int err = open_log(shim);
	if (err == 0)
		detach_log(shim);
	return err;
}

static ino_t inode_at(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

int shim_open(struct shim *shim)
{
	shim->master = shim->error_pipe = shim->delete_pipe = shim->stdin_read_end = -1;
	shim->streams[0].source.fd = shim->streams[1].source.fd = -1;
	shim->streams[0].eof = shim->streams[1].eof = true;
	oomwatch_init(shim);
	feed_init(&shim->feed);
	shim->gate.fd = shim->pid_watch = -1;
	shim->created_ms = monotonic_ms();
	shim->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (shim->epfd < 0)
		return -errno;
	int (*const steps[])(struct shim *) = { open_stdin, shim_open_console, open_log_unless_ahead };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int err = steps[i](shim);
		if (err < 0)
			return err;
	}
	int fd = unix_listen(shim->args.socket, BACKLOG);
	if (fd < 0)
		return fd;
	shim->socket_inode = inode_at(shim->args.socket);
	shim->listener = (struct source){ .fd = fd, .ready = clients_accept };
	return source_watch(shim->epfd, &shim->listener, EPOLLIN);
}

void shim_unlink(struct shim *shim)
{
	if (shim->socket_inode != 0 && inode_at(shim->args.socket) == shim->socket_inode)
		unlink(shim->args.socket);
	shim->socket_inode = 0;
	if (shim->console.fd >= 0)
		unlink(shim->console_path);
	source_close(shim->epfd, &shim->console);
}

/* Does what is due; returns how long nothing else will be, in milliseconds, or -1 for ever. */
static int64_t tick(struct shim *shim)
{
	int64_t now = monotonic_ms();
	int64_t wait = shim->busy ? QUIET_MS : -1;
	/* who is gone has no say in what comes */
	clients_sweep(shim);
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++) {
		struct stream *stream = &shim->streams[i];
		if (stream->retry_ms == 0 || stream->eof)
			continue;
		if (now >= stream->retry_ms)
			stream_resume(shim, stream);
		else
			wait = sooner(wait, stream->retry_ms - now);
	}
	wait = sooner(wait, lifecycle_tick(shim, now));
	bool attached = clients_sweep(shim);
	wait = sooner(wait, clients_tick(shim, now));
	if (shim->state == STATE_EXITED && shim->deleted_line && !attached)
		shim->state = STATE_GONE;
	return wait;
}

static void relax(struct shim *shim)
{
	shim->busy = false;
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++)
		stream_relax(&shim->streams[i]);
	logwriter_relax(&shim->log);
}

int shim_run(struct shim *shim)
{
	struct epoll_event events[EVENTS_PER_TURN];
	/* here and not in shim_open: epoll reports a signalfd to the process that added it, which has forked since */
	int err = open_signals(shim);
	if (err < 0)
		return err;
	detach_log(shim);
	lifecycle_prepare(shim);
	/* reads a file, which the first conversion of a time would otherwise do when somebody waits for it */
	tzset();
	while (shim->state != STATE_GONE) {
		int64_t wait = tick(shim);
		if (shim->state == STATE_GONE)
			break;
		int count = epoll_wait(shim->epfd, events, EVENTS_PER_TURN, (int)wait);
		if (count < 0 && errno != EINTR)
			return -errno;
		if (count == 0 && shim->busy)
			relax(shim);
		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;
			/* a source that an earlier one of this turn has closed still is in the list */
			if (source->watched)
				source->ready(shim, source, events[i].events);
		}
	}
	clients_leave(shim);
	shim_unlink(shim);
	return 0;
}
