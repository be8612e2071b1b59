/*
 * wharf-shim: one per running container or exec. It reports readiness by the exit status of the process that was started
 * (0: the socket listens), and goes on in a child of its own session. See protocol.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "shim.h"
#include "util.h"

/* Nothing of the daemon's must stay open in a process that outlives it. */
static int redirect_stdio(const char *log_path)
{
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	CLEANUP_FD int log = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(log >= 0 ? log : null, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static int report(const char *what, const char *why)
{
	fprintf(stderr, "wharf-shim: %s: %s\n", what, why);
	return 2;
}

int main(int argc, char **argv)
{
	struct shim shim = { 0 };
	const char *error, *flag;
	if (args_parse(&shim.args, argc, argv, &error, &flag) < 0)
		return report(flag, error);
	close_range(3, ~0U, 0);
	umask(022);
	int err = shim_open(&shim);
	if (err < 0)
		return report(shim.args.socket, strerror(-err));
	/* the child can't fail any more, so the parent's end tells that the socket listens */
	pid_t pid = fork();
	if (pid < 0)
		return report("fork", strerror(errno));
	if (pid > 0)
		_exit(0);
	setsid();
	redirect_stdio(shim.args.shim_log);
	prctl(PR_SET_NAME, "wharf-shim");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	err = shim_run(&shim);
	if (err < 0)
		shim_log("event loop: %s", strerror(-err));
	return err < 0;
}
