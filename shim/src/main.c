/*
 * wharf-shim: one per running container or exec. It reports readiness by the exit status of the process that was started
 * (0: the socket listens), and goes on in a child of its own session. See protocol.h. As `wharf-shim relay` it is something
 * else, see relay.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "relay.h"
#include "shim.h"
#include "util.h"

static int report(const char *what, const char *why)
{
	fprintf(stderr, "wharf-shim: %s: %s\n", what, why);
	return 2;
}

int main(int argc, char **argv)
{
	struct shim shim = { 0 };
	const char *error, *flag;
	if (argc > 1 && strcmp(argv[1], "relay") == 0)
		return relay_main(argc, argv);
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
