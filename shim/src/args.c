#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum kind { TEXT, SWITCH, SIZE, COUNT, WINDOW, DRIVER, APPEND };

struct flag {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define FLAG(name, kind, field) { name, kind, offsetof(struct args, field) }

static const struct flag flags[] = {
	FLAG("--id", TEXT, id),
	FLAG("--bundle", TEXT, bundle),
	FLAG("--exec-process", TEXT, exec_process),
	FLAG("--exec-plan", TEXT, exec_plan),
	FLAG("--runtime", TEXT, runtime),
	FLAG("--runtime-root", TEXT, runtime_root),
	FLAG("--runtime-log", TEXT, runtime_log),
	FLAG("--runtime-arg", APPEND, runtime_args),
	FLAG("--systemd-cgroup", SWITCH, systemd_cgroup),
	FLAG("--socket", TEXT, socket),
	FLAG("--exit-file", TEXT, exit_file),
	FLAG("--pid-file", TEXT, pid_file),
	FLAG("--shim-log", TEXT, shim_log),
	FLAG("--cgroup", TEXT, cgroup),
	FLAG("--spool", TEXT, spool),
	FLAG("--ahead", SWITCH, ahead),
	FLAG("--gate", TEXT, gate),
	FLAG("--tty", SWITCH, tty),
	FLAG("--stdin", SWITCH, stdin_open),
	FLAG("--stdin-once", SWITCH, stdin_once),
	FLAG("--console-size", WINDOW, console_height),
	FLAG("--log-driver", DRIVER, log.format),
	FLAG("--log-file", TEXT, log.path),
	FLAG("--log-attrs", TEXT, log.attrs),
	FLAG("--log-max-size", SIZE, log.max_size),
	FLAG("--log-max-file", COUNT, log.max_files),
	FLAG("--log-compress", SWITCH, log.compress),
	FLAG("--log-queue", SIZE, log_queue),
};

static bool parse_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

static bool set_value(struct args *args, const struct flag *flag, const char *value, bool *log_none)
{
	void *field = (char *)args + flag->offset;
	int64_t number;
	switch (flag->kind) {
	case TEXT:
		*(const char **)field = value;
		return true;
	case SIZE:
		return parse_number(value, -1, INT64_MAX, field);
	case COUNT:
		if (!parse_number(value, 1, 1000000, &number))
			return false;
		*(int *)field = (int)number;
		return true;
	case WINDOW:
		return sscanf(value, "%hux%hu", &args->console_height, &args->console_width) == 2;
	case DRIVER:
		*log_none = strcmp(value, "none") == 0;
		*(enum log_format *)field = strcmp(value, "local") == 0 ? LOG_LOCAL : LOG_JSON;
		return *log_none || strcmp(value, "json-file") == 0 || strcmp(value, "local") == 0;
	case APPEND:
		if (args->runtime_args_len == RUNTIME_ARGS_MAX)
			return false;
		args->runtime_args[args->runtime_args_len++] = value;
		return true;
	case SWITCH:
		break;
	}
	return false;
}

static const struct flag *find_flag(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(flags[i].name, name) == 0)
			return &flags[i];
	}
	return NULL;
}

static int check_required(const struct args *args, const char **error, const char **flag)
{
	const struct {
		const char *name;
		const char *value;
	} required[] = {
		{ "--id", args->id },
		{ "--runtime", args->runtime },
		{ "--socket", args->socket },
		{ "--exit-file", args->exit_file },
		{ "--pid-file", args->pid_file },
		{ "--bundle or --exec-process", args->bundle ? args->bundle : args->exec_process },
	};
	for (size_t i = 0; i < ARRAY_LEN(required); i++) {
		if (required[i].value)
			continue;
		*error = "is required";
		*flag = required[i].name;
		return -EINVAL;
	}
	return 0;
}

int args_parse(struct args *args, int argc, char **argv, const char **error, const char **flag)
{
	bool log_none = false;
	memset(args, 0, sizeof(*args));
	args->log.max_size = -1;
	args->log.max_files = 1;
	for (int i = 1; i < argc; i++) {
		const struct flag *found = find_flag(argv[i]);
		*flag = argv[i];
		if (!found) {
			*error = "is not a flag";
			return -EINVAL;
		}
		if (found->kind == SWITCH) {
			*(bool *)((char *)args + found->offset) = true;
			continue;
		}
		if (i + 1 == argc) {
			*error = "needs a value";
			return -EINVAL;
		}
		if (!set_value(args, found, argv[++i], &log_none)) {
			*error = "has an invalid value";
			return -EINVAL;
		}
	}
	if (log_none)
		args->log.path = NULL;
	return check_required(args, error, flag);
}
