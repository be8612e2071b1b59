#include "lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "console.h"
#include "exec_start.h"
#include "oomwatch.h"
#include "runtime.h"
#include "shim.h"
#include "util.h"

#define MESSAGE_BYTES 8192

/* "<word> <base64 of message>" in memory of its own. */
static char *line_with_message(const char *word, const char *message)
{
	size_t length = strlen(message), head = strlen(word);
	char *line = malloc(head + 1 + 4 * ((length + 2) / 3) + 1);
	if (!line)
		return NULL;
	memcpy(line, word, head);
	line[head] = ' ';
	encode_base64(message, length, line + head + 1);
	return line;
}

static void fail(struct shim *shim, int runtime_exit_code, const char *message)
{
	char word[32];
	shim_log("start failed (%d): %s", runtime_exit_code, message);
	snprintf(word, sizeof(word), "failed %d", runtime_exit_code);
	CLEANUP_FREE char *line = line_with_message(word, message);
	if (line)
		clients_announce(shim, line);
	close_and_forget(&shim->stdin_read_end);
	shim->state = STATE_GONE;
}

static void fail_errno(struct shim *shim, const char *what, int err)
{
	char message[512];
	snprintf(message, sizeof(message), "%s: %s", what, strerror(-err));
	fail(shim, -1, message);
}

/* Makes a pipe that the container writes: our end in *ours, not blocking. */
static int output_pipe(int *ours, int *theirs)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ours = ends[0];
	*theirs = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* An exec that can do without the runtime; whether it runs. stdio is NULL for one with a terminal. */
static bool start_directly(struct shim *shim, const int stdio[3])
{
	const struct args *args = &shim->args;
	const struct winsize size = { .ws_row = args->console_height, .ws_col = args->console_width };
	if (!args->exec_plan)
		return false;
	pid_t pid = exec_start(args->exec_plan, stdio, &size, &shim->master);
	if (pid > 0)
		shim->init_pid = pid;
	return pid > 0;
}

/* The pid of the runtime, 0 if it is not needed. Can be done again for one that has done nothing. */
static int spawn_with_terminal(struct shim *shim)
{
	if (start_directly(shim, NULL)) {
		source_close(shim->epfd, &shim->console);
		unlink(shim->console_path);
		return 0;
	}
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP_FD int error_end = -1;
	if (null < 0)
		return -errno;
	close_and_forget(&shim->error_pipe);
	close_and_forget(&shim->master);
	int err = shim->console.fd < 0 ? shim_open_console(shim) : 0;
	if (err == 0)
		err = output_pipe(&shim->error_pipe, &error_end);
	if (err < 0)
		return err;
	return runtime_start(&shim->args, shim->console_path, (int[3]){ null, null, error_end });
}

static int spawn_with_pipes(struct shim *shim)
{
	CLEANUP_FD int out = -1, err_end = -1;
	struct source *sources[2] = { &shim->streams[0].source, &shim->streams[1].source };
	close_and_forget(&sources[0]->fd);
	close_and_forget(&sources[1]->fd);
	int err = output_pipe(&sources[0]->fd, &out);
	if (err == 0)
		err = output_pipe(&sources[1]->fd, &err_end);
	if (err < 0)
		return err;
	const int stdio[3] = { shim->stdin_read_end, out, err_end };
	return start_directly(shim, stdio) ? 0 : runtime_start(&shim->args, NULL, stdio);
}

void lifecycle_take_console(struct shim *shim)
{
	int master = console_receive(shim->console.fd);
	if (master == -EAGAIN)
		return;
	source_close(shim->epfd, &shim->console);
	unlink(shim->console_path);
	if (master < 0) {
		shim_log("receiving the terminal: %s", strerror(-master));
		return;
	}
	shim->master = master;
	if (shim->args.console_height > 0)
		console_resize(master, shim->args.console_height, shim->args.console_width);
}

static int open_streams(struct shim *shim)
{
	if (!shim->args.tty) {
		int err = stream_open(shim, &shim->streams[0], shim->streams[0].source.fd, STREAM_STDOUT, false);
		return err < 0 ? err : stream_open(shim, &shim->streams[1], shim->streams[1].source.fd, STREAM_STDERR, false);
	}
	if (shim->master < 0 && shim->console.fd >= 0)
		lifecycle_take_console(shim);
	if (shim->master < 0)
		return -ENOTTY;
	if (shim->args.stdin_open) {
		/* epoll knows a descriptor only once */
		shim->stdin_source.fd = fcntl(shim->master, F_DUPFD_CLOEXEC, 3);
		if (shim->stdin_source.fd < 0)
			return -errno;
	}
	return stream_open(shim, &shim->streams[0], shim->master, STREAM_STDOUT, true);
}

/* Above the container in the order of sacrifice; not permitted everywhere, and not needed for correctness. */
static void protect_from_oom_killer(void)
{
	CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "-998", 4) < 0 && errno != EACCES)
		shim_log("oom_score_adj: %s", strerror(errno));
}

static void init_ended(struct shim *shim, struct exit_record record);

/*
 * Makes sure that the first process is a child of the shim, whose end it will be told. crun leaves a process of its own between the two
 * that may end a moment after the runtime itself: the container is ours only then. A process that is nobody's any more has taken its
 * status with it.
 */
static void find_parentage(struct shim *shim)
{
	siginfo_t info;
	if (waitid(P_PID, (id_t)shim->init_pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
		shim->is_parent = true;
		return;
	}
	if (kill(shim->init_pid, 0) == 0 || errno != ESRCH)
		return;
	shim_log("process %d has ended and was not a child of the shim", (int)shim->init_pid);
	init_ended(shim, (struct exit_record){ .code = -1, .finished_ns = realtime_ns() });
}

/* The first process runs, and its pid is known. */
static void running(struct shim *shim)
{
	char line[PROTOCOL_LINE_MAX];
	shim->started_ns = realtime_ns();
	shim->state = STATE_RUNNING;
	int err = open_streams(shim);
	if (err < 0)
		shim_log("the container's output: %s", strerror(-err));
	close_and_forget(&shim->error_pipe);
	/* kept until now for a runtime that has to be started again */
	close_and_forget(&shim->stdin_read_end);
	shim_started_line(shim, line, sizeof(line));
	clients_announce(shim, line);
	if (!shim->args.exec_process)
		oomwatch_open(shim);
	clients_resume_stdin(shim);
	protect_from_oom_killer();
	find_parentage(shim);
}

static int spawn_runtime(struct shim *shim)
{
	return shim->args.tty ? spawn_with_terminal(shim) : spawn_with_pipes(shim);
}

static void spec_path(const struct shim *shim, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/config.json", shim->args.bundle);
}

/* The first process goes on to its program, or has ended at the gate, which is as good as right after it. */
static void passed_gate(struct shim *shim)
{
	close_and_forget(&shim->pid_watch);
	source_close(shim->epfd, &shim->gate);
	unlink(shim->args.gate);
	running(shim);
}

/*
 * The pid file is the last that runc does, and its end takes it 1 to 2 ms: that is not waited for. Until then the first process is not our
 * child, and whether it has ended is seen only after that.
 */
static void pass_early(struct shim *shim)
{
	if (shim->state != STATE_STARTING || !shim->gate_passed || shim->told_pid <= 0)
		return;
	shim->init_pid = shim->told_pid;
	feed_end(&shim->feed, shim->epfd);
	passed_gate(shim);
}

void lifecycle_look_for_pid(struct shim *shim)
{
	if (shim->pid_watch < 0)
		return;
	shim->told_pid = runtime_read_pid(&shim->args);
	/* else something else has been renamed there */
	if (shim->told_pid > 0)
		close_and_forget(&shim->pid_watch);
	pass_early(shim);
}

void lifecycle_prepare(struct shim *shim)
{
	char path[PATH_MAX];
	if (!shim->args.ahead || !shim->args.bundle)
		return;
	/* where that can't be had, the runtime's end tells */
	if (shim->args.gate)
		shim->pid_watch = runtime_watch_pid(&shim->args);
	spec_path(shim, path);
	int pid = feed_open(&shim->feed, path);
	if (pid == 0)
		pid = spawn_runtime(shim);
	if (pid > 0) {
		shim->runtime_pid = pid;
		return;
	}
	shim_log("%s can't be started ahead: %s", shim->args.runtime, strerror(-pid));
	lifecycle_quit(shim);
}

static void leave(struct shim *shim)
{
	feed_end(&shim->feed, shim->epfd);
	shim_unlink(shim);
	shim->state = STATE_GONE;
}

/*
 * Has the runtime delete what it was fed with, once it is not at work any more. One that was killed may have left processes, which only
 * --force ends; so does this when it is called again.
 */
static void take_back(struct shim *shim)
{
	if (!shim->quitting)
		shim->kill_ms = monotonic_ms() + RUNTIME_PATIENCE_MS;
	shim->quitting = true;
	if (shim->runtime_pid > 0 || shim->delete_pid > 0)
		return;
	shim->delete_forced = shim->init_pid <= 0;
	if (shim->init_pid > 0 && kill(shim->init_pid, SIGKILL) == 0)
		waitpid(shim->init_pid, NULL, 0);
	shim->init_pid = 0;
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	shim->delete_pid = null < 0 ? -errno : runtime_delete(&shim->args, shim->delete_forced, null);
	if (shim->delete_pid > 0)
		return;
	shim_log("what was created is not deleted: %s", strerror(-shim->delete_pid));
	leave(shim);
}

void lifecycle_quit(struct shim *shim)
{
	if (shim->fed) {
		take_back(shim);
		return;
	}
	if (shim->runtime_pid > 0 && kill(shim->runtime_pid, SIGKILL) == 0)
		waitpid(shim->runtime_pid, NULL, 0);
	shim->runtime_pid = 0;
	leave(shim);
}

/* Hands the runtime its specification, or the next part of it. */
static void feed_runtime(struct shim *shim)
{
	int err = feed_step(&shim->feed, monotonic_ms());
	if (err == -EAGAIN && source_watch(shim->epfd, &shim->feed.fifo, EPOLLOUT) == 0)
		return;
	/* a runtime that has not got all of it says so when it ends */
	if (err < 0)
		shim_log("the specification was not passed on: %s", strerror(-err));
	feed_end(&shim->feed, shim->epfd);
}

static void on_feed_writable(struct shim *shim, struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	feed_runtime(shim);
}

static int begin_feeding(struct shim *shim)
{
	char path[PATH_MAX];
	spec_path(shim, path);
	int err = feed_begin(&shim->feed, path);
	if (err < 0)
		return err;
	shim->feed.fifo.ready = on_feed_writable;
	feed_runtime(shim);
	return 0;
}

int lifecycle_feed(struct shim *shim)
{
	if (shim->runtime_pid <= 0 || shim->fed || shim->quitting)
		return -EINVAL;
	int err = begin_feeding(shim);
	shim->fed = err == 0;
	return err;
}

static int release_runtime(struct shim *shim)
{
	int err = shim->fed ? 0 : begin_feeding(shim);
	if (err < 0)
		lifecycle_quit(shim);
	return err < 0 ? err : shim->runtime_pid;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == pid;
}

static void on_gate(struct shim *shim, struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	source_close(shim->epfd, &shim->gate);
	shim->gate_passed = true;
	/* else when its pid is known */
	if (shim->runtime_pid == 0)
		passed_gate(shim);
	else
		pass_early(shim);
}

/*
 * Lets the first process go on, as soon as it gets there, which is some milliseconds before the runtime has ended. -ENOENT: the runtime has
 * not come so far yet.
 */
static int open_gate(struct shim *shim)
{
	if (shim->gate.fd >= 0 || shim->gate_passed)
		return 0;
	shim->gate = (struct source){ .ready = on_gate };
	shim->gate.fd = open(shim->args.gate, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (shim->gate.fd < 0)
		return -errno;
	int err = source_watch(shim->epfd, &shim->gate, EPOLLIN);
	if (err < 0)
		source_close(shim->epfd, &shim->gate);
	return err;
}

/* When next to look for the gate, or -1: at first often, and never again if the runtime takes very long, which tells when it ends. */
static int64_t look_for_gate(struct shim *shim)
{
	if (!shim->args.gate || open_gate(shim) == 0 || shim->gate_looks == GATE_LOOKS_MAX)
		return -1;
	shim->gate_looks++;
	return GATE_RETRY_MS;
}

bool lifecycle_is_sound(const struct shim *shim)
{
	return shim->init_pid <= 0 || (!has_ended(shim->init_pid) && access(shim->args.gate, F_OK) == 0);
}

/* The runtime has created the container. */
static void created(struct shim *shim)
{
	int err = open_gate(shim);
	if (err < 0) {
		shim_log("%s: %s", shim->args.gate, strerror(-err));
		kill(shim->init_pid, SIGKILL);
	}
	if (err < 0 || shim->gate_passed || has_ended(shim->init_pid))
		passed_gate(shim);
}

void shim_start(struct shim *shim, struct client *client)
{
	char line[PROTOCOL_LINE_MAX];
	if (shim->state == STATE_STARTING || shim->state == STATE_GONE)
		return;
	if (shim->state != STATE_CREATED) {
		shim_started_line(shim, line, sizeof(line));
		client_reply(shim, client, "%s", line);
		return;
	}
	if (shim->quitting)
		return;
	if (shim->init_pid > 0) {
		shim->state = STATE_STARTING;
		created(shim);
		lifecycle_reap(shim);
		return;
	}
	int pid = shim->runtime_pid > 0 ? release_runtime(shim) : spawn_runtime(shim);
	if (pid < 0) {
		fail_errno(shim, shim->args.runtime, pid);
		return;
	}
	shim->runtime_pid = pid;
	shim->state = STATE_STARTING;
	if (pid == 0)
		running(shim);
}

/* A runtime that was killed before it had anything of the specification has done nothing: another one takes its place. */
static bool run_again(struct shim *shim, int status)
{
	if (!WIFSIGNALED(status) || !feed_is_new(&shim->feed))
		return false;
	feed_end(&shim->feed, shim->epfd);
	int pid = spawn_runtime(shim);
	if (pid <= 0)
		return false;
	shim->runtime_pid = pid;
	return true;
}

static void runtime_ended(struct shim *shim, int status)
{
	shim->runtime_pid = shim->told_pid = 0;
	if (run_again(shim, status))
		return;
	feed_end(&shim->feed, shim->epfd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		shim->init_pid = runtime_read_pid(&shim->args);
		if (shim->init_pid > 0 && shim->args.gate && !shim->args.exec_process)
			created(shim);
		else if (shim->init_pid > 0)
			running(shim);
		else
			fail_errno(shim, shim->args.pid_file, shim->init_pid);
		return;
	}
	char message[MESSAGE_BYTES];
	int fallback = shim->args.tty ? shim->error_pipe : shim->streams[1].source.fd;
	runtime_error(&shim->args, fallback, message, sizeof(message));
	fail(shim, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), message);
}

static void announce_deleted(struct shim *shim)
{
	if (shim->state != STATE_EXITED || !shim->deleted_line)
		return;
	/* before: who hears it may start the next shim, at the same path; while somebody still reads, others may come */
	if (!clients_are_attached(shim))
		shim_unlink(shim);
	clients_announce(shim, shim->deleted_line);
}

/*
 * The container has ended, so plain delete is enough, unless processes are left in its cgroup (a shared pid namespace): then
 * --force kills them. It is not used at once because runc >= 1.2 sleeps 100 ms in it whatever the state.
 */
static void start_delete(struct shim *shim)
{
	CLEANUP_FD int output = -1;
	if (shim->args.exec_process || output_pipe(&shim->delete_pipe, &output) < 0)
		shim->deleted_line = strdup("deleted");
	else if ((shim->delete_pid = runtime_delete(&shim->args, shim->delete_forced, output)) < 0)
		shim->deleted_line = line_with_message("delete-failed", strerror(-shim->delete_pid));
	announce_deleted(shim);
}

static bool delete_has_begun(const struct shim *shim)
{
	return shim->delete_pid != 0 || shim->deleted_line;
}

void lifecycle_delete(struct shim *shim)
{
	if (!delete_has_begun(shim))
		start_delete(shim);
}

static void delete_ended(struct shim *shim, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		shim->deleted_line = strdup("deleted");
	} else if (!shim->delete_forced) {
		close_and_forget(&shim->delete_pipe);
		shim->delete_forced = true;
		start_delete(shim);
		return;
	} else {
		char message[MESSAGE_BYTES];
		runtime_error(&shim->args, shim->delete_pipe, message, sizeof(message));
		shim_log("runtime delete failed: %s", message);
		shim->deleted_line = line_with_message("delete-failed", message);
	}
	close_and_forget(&shim->delete_pipe);
	announce_deleted(shim);
}

static bool is_drained(const struct shim *shim)
{
	return shim->streams[0].eof && shim->streams[1].eof;
}

/* All output is in the log and with the clients: the end becomes official. */
static void conclude(struct shim *shim)
{
	char line[PROTOCOL_LINE_MAX];
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++)
		stream_close(shim, &shim->streams[i]);
	shim->master = -1;
	source_close(shim->epfd, &shim->stdin_source);
	int err = exit_record_write(&shim->record, shim->args.exit_file);
	if (err < 0)
		shim_log("writing %s: %s", shim->args.exit_file, strerror(-err));
	shim->state = STATE_EXITED;
	shim->exited_ms = monotonic_ms();
	shim_exit_line(shim, line, sizeof(line));
	clients_announce(shim, line);
	announce_deleted(shim);
	clients_resume_stdin(shim);
	clients_end_output(shim);
	/* else when somebody has what he needs of the end, and the processor for it */
	if (shim->args.exec_process || !clients_have_control(shim))
		lifecycle_delete(shim);
	logwriter_close(&shim->log);
}

static void init_ended(struct shim *shim, struct exit_record record)
{
	shim->init_reaped = true;
	oomwatch_close(shim);
	shim->record = record;
	shim->record.ooms = shim->oom.count;
	shim->state = STATE_DRAINING;
	shim->drain_until_ms = monotonic_ms() + DRAIN_GRACE_MS;
	for (size_t i = 0; i < ARRAY_LEN(shim->streams); i++) {
		struct stream *stream = &shim->streams[i];
		if (stream->eof)
			continue;
		stream_resume(shim, stream);
		stream_pump(shim, stream);
	}
	if (is_drained(shim))
		conclude(shim);
	else
		/* what goes on writing may be left in the cgroup */
		lifecycle_delete(shim);
}

/* The start has been told of already. */
static void ended_after_start(struct shim *shim, int status)
{
	shim->runtime_pid = 0;
	if (status != 0)
		shim_log("the runtime has started the container, and ended with status %d", status);
}

static void reap_others(struct shim *shim)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == shim->init_pid && !shim->init_reaped)
			init_ended(shim, exit_record_of(status, realtime_ns()));
		else if (pid == shim->runtime_pid)
			ended_after_start(shim, status);
		else if (pid == shim->delete_pid)
			delete_ended(shim, status);
		else
			logwriter_reaped(&shim->log, pid);
	}
}

/* The runtime has ended before the start. */
static void ended_ahead(struct shim *shim, int status)
{
	bool is_done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	pid_t init = shim->fed && is_done ? runtime_read_pid(&shim->args) : -1;
	shim->runtime_pid = shim->told_pid = 0;
	if (init > 0) {
		shim->init_pid = init;
		return;
	}
	shim_log("the runtime has not waited for the start: status %d", status);
	/* by itself it leaves nothing, and the start, which says why it can't be done, runs another one */
	if (shim->fed ? !is_done && !WIFSIGNALED(status) : shim->claimed) {
		feed_end(&shim->feed, shim->epfd);
		shim->fed = false;
	} else {
		lifecycle_quit(shim);
	}
}

static bool reaped(pid_t pid, int *status)
{
	return pid > 0 && waitpid(pid, status, WNOHANG) == pid;
}

static void taken_back(struct shim *shim, int status)
{
	bool is_done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	shim->delete_pid = 0;
	if (!is_done && !shim->delete_forced) {
		take_back(shim);
		return;
	}
	if (!is_done)
		shim_log("what was created is not deleted: status %d", status);
	leave(shim);
}

static void reap_ahead(struct shim *shim)
{
	int status;
	if (reaped(shim->runtime_pid, &status)) {
		ended_ahead(shim, status);
		if (shim->quitting)
			lifecycle_quit(shim);
	}
	if (shim->quitting && reaped(shim->delete_pid, &status))
		taken_back(shim, status);
}

void lifecycle_reap(struct shim *shim)
{
	int status;
	if (shim->state == STATE_CREATED)
		reap_ahead(shim);
	/* until the pid file is read nobody else is reaped: the first process may be among them */
	if (shim->state == STATE_STARTING && reaped(shim->runtime_pid, &status))
		runtime_ended(shim, status);
	else if (shim->state == STATE_STARTING && shim->runtime_pid == 0 && shim->gate.fd >= 0 && has_ended(shim->init_pid))
		passed_gate(shim);
	if (shim->state >= STATE_RUNNING && shim->state != STATE_GONE)
		reap_others(shim);
}

/* A runtime that hangs must not keep the shim, which nobody can reach any more. */
static int64_t hurry(struct shim *shim, int64_t now_ms)
{
	if (shim->runtime_pid <= 0)
		return -1;
	if (now_ms < shim->kill_ms)
		return shim->kill_ms - now_ms;
	kill(shim->runtime_pid, SIGKILL);
	return -1;
}

/* A shim that nobody starts leaves; one that runs ahead as soon as it is alone. */
static int64_t await_start(struct shim *shim, int64_t now_ms)
{
	if (shim->quitting)
		return hurry(shim, now_ms);
	if (clients_have_control(shim))
		return -1;
	int64_t patience = !shim->args.ahead ? START_WAIT_MS : shim->had_control ? 0 : AHEAD_WAIT_MS;
	int64_t left = shim->created_ms + patience - now_ms;
	if (left <= 0)
		lifecycle_quit(shim);
	return left > 0 ? left : 0;
}

int64_t lifecycle_tick(struct shim *shim, int64_t now_ms)
{
	if (shim->state <= STATE_STARTING && shim->feed.retry_ms > 0 && now_ms >= shim->feed.retry_ms)
		feed_runtime(shim);
	int64_t until_retry = shim->feed.retry_ms > 0 ? shim->feed.retry_ms - now_ms : -1;
	if (shim->state == STATE_CREATED) {
		return sooner(until_retry, await_start(shim, now_ms));
	}
	if (shim->state == STATE_RUNNING && !shim->is_parent) {
		find_parentage(shim);
		lifecycle_reap(shim);
		return shim->state == STATE_RUNNING && shim->is_parent ? -1 : PARENTAGE_RETRY_MS;
	}
	if (shim->state == STATE_STARTING)
		return sooner(until_retry, look_for_gate(shim));
	if (shim->state == STATE_RUNNING)
		return oomwatch_tick(shim, now_ms);
	if (shim->state == STATE_DRAINING) {
		if (is_drained(shim) || now_ms >= shim->drain_until_ms)
			conclude(shim);
		else
			return shim->drain_until_ms - now_ms;
	}
	if (shim->state == STATE_EXITED && !delete_has_begun(shim)) {
		if (clients_have_control(shim) && now_ms < shim->exited_ms + DELETE_WAIT_MS)
			return shim->exited_ms + DELETE_WAIT_MS - now_ms;
		lifecycle_delete(shim);
	}
	return -1;
}
