#include <errno.h>

#include "args.h"
#include "check.h"
#include "util.h"

#define REQUIRED "--id", "i", "--runtime", "runc", "--socket", "s", "--exit-file", "e", "--pid-file", "p"

#define PARSE(args, ...)                                                                         \
	args_parse(args, (int)ARRAY_LEN(((char *[]){ "shim", __VA_ARGS__ })),                    \
		   (char *[]){ "shim", __VA_ARGS__ }, &error, &flag)

int main(void)
{
	struct args args;
	const char *error, *flag;
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--tty", "--console-size", "24x80", "--runtime-arg", "--a",
		    "--runtime-arg", "--b", "--log-file", "/l", "--log-max-size", "1000", "--log-max-file", "3") == 0);
	CHECK(args.tty && !args.ahead && !args.stdin_open && args.console_height == 24 && args.console_width == 80);
	CHECK(args.runtime_args_len == 2);
	CHECK_TEXT(args.runtime_args[1], "--b");
	CHECK(args.log.max_size == 1000 && args.log.max_files == 3);
	CHECK_TEXT(args.log.path, "/l");

	CHECK(PARSE(&args, REQUIRED, "--exec-process", "/p", "--log-file", "/l", "--log-driver", "none") == 0);
	CHECK(args.log.path == NULL && args.log.max_size == -1 && args.log.max_files == 1);

	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--ahead") == 0 && args.ahead && args.gate == NULL);
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--ahead", "--gate", "/r/i/exec.fifo") == 0);
	CHECK_TEXT(args.gate, "/r/i/exec.fifo");
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--gate") == -EINVAL);

	CHECK(PARSE(&args, REQUIRED) == -EINVAL);
	CHECK_TEXT(flag, "--bundle or --exec-process");
	CHECK(PARSE(&args, REQUIRED, "--bundle") == -EINVAL);
	CHECK_TEXT(error, "needs a value");
	CHECK(PARSE(&args, REQUIRED, "--nonsense") == -EINVAL);
	CHECK_TEXT(error, "is not a flag");
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--log-max-size", "1k") == -EINVAL);
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--log-max-file", "0") == -EINVAL);
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--console-size", "24") == -EINVAL);
	CHECK(PARSE(&args, REQUIRED, "--bundle", "/b", "--log-driver", "syslog") == -EINVAL);
	return 0;
}
