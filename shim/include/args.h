/* The command line of wharf-shim. */
#ifndef WHARF_ARGS_H
#define WHARF_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "logfile.h"

#define RUNTIME_ARGS_MAX 32

struct args {
	const char *id;
	const char *bundle;        /* container mode */
	const char *exec_process;  /* exec mode: the process file; NULL in container mode */
	const char *exec_plan;     /* exec mode: how to do it without the runtime; may be NULL */
	const char *runtime;
	const char *runtime_root;
	const char *runtime_log;
	const char *runtime_args[RUNTIME_ARGS_MAX]; /* global flags of the runtime */
	int runtime_args_len;
	bool systemd_cgroup;
	const char *socket;
	const char *exit_file;
	const char *pid_file;
	const char *shim_log;
	const char *cgroup;        /* memory cgroup, for a first process that was gone before it could be asked; may be NULL */
	bool ahead;                /* the runtime is started before the container is, and waits for its specification */
	const char *gate;          /* the FIFO at which a container that the runtime has created waits; NULL: the runtime starts it itself */
	const char *spool;         /* directory for output that clients have not read, on a disk; may be NULL */
	bool tty;
	bool stdin_open;
	bool stdin_once;
	unsigned short console_height;
	unsigned short console_width;
	struct log_options log;    /* path NULL: log driver none */
	int64_t log_queue;         /* bytes that may wait for the log file; 0: the container waits (mode=blocking) */
};

/* Fills args from argv (whose strings it keeps). On -EINVAL *error says what is wrong, with the flag in *flag. */
int args_parse(struct args *args, int argc, char **argv, const char **error, const char **flag);

#endif
