/* The shim's whole state; there are no globals. */
#ifndef WHARF_SHIM_H
#define WHARF_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "args.h"
#include "client.h"
#include "exitrecord.h"
#include "feed.h"
#include "logwriter.h"
#include "loop.h"
#include "oomwatch.h"
#include "stream.h"

enum state {
	STATE_CREATED,  /* listening; nothing has been started */
	STATE_STARTING, /* the runtime is at work */
	STATE_RUNNING,
	STATE_DRAINING, /* the first process has ended; its output is still being read */
	STATE_EXITED,   /* the exit record is on disk and announced */
	STATE_GONE,     /* leave the loop */
};

struct shim {
	struct args args;
	enum state state;
	int epfd;
	struct source signals;
	struct source listener;
	struct source console;      /* where the runtime hands over the terminal */
	struct source stdin_source; /* the container's stdin, written by us */
	int master;                 /* the terminal, or -1 (owned by stream[0]) */
	struct stream streams[2];   /* stdout (or the terminal), stderr */
	struct logwriter log;
	struct client *clients;
	char *console_path;
	int stdin_read_end;         /* made at the beginning, so that clients can send before the start */
	bool stdin_closing;
	int error_pipe;             /* what the runtime writes to stderr when that is not the container's */
	pid_t runtime_pid;          /* while it is at work, or waits; else 0 */
	int pid_watch;              /* makes a SIGIO of the pid file's arrival, or -1 */
	pid_t told_pid;             /* what that says; the runtime may still be ending */
	struct feed feed;           /* what it waits for */
	bool fed;                   /* the runtime has got it before the start, so there may be a container */
	bool quitting;              /* and is made to take that back */
	int64_t kill_ms;            /* when it has had long enough */
	struct source gate;         /* where the created container waits, while it is being let go */
	bool gate_passed;           /* and it has gone */
	int gate_looks;             /* how often the gate was not there yet */
	bool claimed;               /* the start of a shim that runs ahead is under way */
	pid_t init_pid;
	pid_t delete_pid;
	bool delete_forced;
	bool is_parent;             /* of the first process */
	bool init_reaped;
	struct oom_watch oom;
	int64_t started_ns;
	struct exit_record record;
	char *deleted_line;         /* "deleted" or "delete-failed …" once known */
	int delete_pipe;
	bool had_control;           /* somebody with a say has come */
	int64_t created_ms;         /* since when nobody with a say has been connected */
	int64_t drain_until_ms;
	int64_t exited_ms;
	bool recorded;              /* the exit is in the daemon's state */
	ino_t socket_inode;         /* another shim may have taken the path over when this one leaves */
	bool busy;                  /* memory may be given back when it becomes quiet */
};

/* Opens the socket and everything that can fail before readiness is reported. */
int shim_open(struct shim *shim);

/* Runs until the shim's work is done. */
int shim_run(struct shim *shim);

/* The daemon wants the process started. */
void shim_start(struct shim *shim, struct client *client);

/* The process is going to be started: opens what a shim that runs ahead leaves alone. */
int shim_claim(struct shim *shim);

/* Listens for a terminal, if there is to be one; again for a runtime that takes the place of one that has handed over its own. */
int shim_open_console(struct shim *shim);

/* Removes the sockets from the file system: from now on their paths may be another shim's. */
void shim_unlink(struct shim *shim);

/* "created", "starting", "running" or "exited". */
const char *shim_state_name(const struct shim *shim);

/* The line that tells of the start, and that of the end. */
void shim_started_line(const struct shim *shim, char *out, size_t size);
void shim_exit_line(const struct shim *shim, char *out, size_t size);

#endif
