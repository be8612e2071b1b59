#include <errno.h>

#include "check.h"
#include "exec_plan.h"

#define BASE "init=42\0id=abc\0cwd=/\0arg=sh\0"

static int parse(struct exec_plan *plan, const char *text, size_t size)
{
	memset(plan, 0, sizeof(*plan));
	plan->text = malloc(size + 1);
	memcpy(plan->text, text, size);
	return exec_plan_parse(plan, plan->text, size);
}

#define PARSE(plan, text) parse(plan, text, sizeof(text) - 1)

static void refuses(const char *text, size_t size)
{
	struct exec_plan plan;
	if (parse(&plan, text, size) != -EINVAL) {
		fprintf(stderr, "was accepted: %s\n", text);
		exit(1);
	}
	exec_plan_free(&plan);
}

#define REFUSES(text) refuses(text, sizeof(text) - 1)

int main(void)
{
	struct exec_plan plan;
	CHECK(PARSE(&plan, BASE "arg=-c\0arg=\0env=A=b=c\0env=B=\0uid=1000\0gid=100\0group=10\0group=20\0"
			   "tasks=/a/tasks\0tasks=/b/tasks\0cgroup=/u\0bounding=a80425fb\0effective=0\0permitted=1ffffffffff\0"
			   "inheritable=0\0ambient=0\0rlimit=7:123:456\0rlimit=3:18446744073709551615:18446744073709551615\0"
			   "oom-score-adj=-5\0no-new-privileges=1\0keyring=_ses.abc\0filter=/f\0") == 0);
	CHECK(plan.init == 42 && plan.uid == 1000 && plan.gid == 100);
	CHECK_TEXT(plan.id, "abc");
	CHECK_TEXT(plan.argv[0], "sh");
	CHECK_TEXT(plan.argv[1], "-c");
	CHECK_TEXT(plan.argv[2], "");
	CHECK(plan.argv[3] == NULL);
	CHECK_TEXT(plan.envp[0], "A=b=c");
	CHECK_TEXT(plan.envp[1], "B=");
	CHECK(plan.envp[2] == NULL);
	CHECK(plan.groups_len == 2 && plan.groups[0] == 10 && plan.groups[1] == 20);
	CHECK(plan.tasks_len == 2);
	CHECK_TEXT(plan.tasks[1], "/b/tasks");
	CHECK_TEXT(plan.cgroup, "/u");
	CHECK(plan.bounding == 0xa80425fb && plan.permitted == 0x1ffffffffff && plan.effective == 0);
	CHECK(plan.rlimits_len == 2 && plan.rlimits[0].resource == 7 && plan.rlimits[0].limit.rlim_cur == 123);
	CHECK(plan.rlimits[1].limit.rlim_max == RLIM_INFINITY);
	CHECK(plan.has_oom_score_adj && plan.oom_score_adj == -5 && plan.no_new_privileges);
	CHECK_TEXT(plan.keyring, "_ses.abc");
	CHECK_TEXT(plan.filter, "/f");
	exec_plan_free(&plan);

	CHECK(PARSE(&plan, BASE) == 0);
	CHECK(!plan.filter && !plan.has_oom_score_adj && !plan.no_new_privileges && plan.envp[0] == NULL);
	exec_plan_free(&plan);

	/* what is not understood in full is left to the runtime */
	REFUSES("");
	REFUSES("init=42");
	REFUSES("id=abc\0cwd=/\0arg=sh\0");
	REFUSES("init=42\0id=\0cwd=/\0arg=sh\0");
	REFUSES("init=42\0id=abc\0arg=sh\0");
	REFUSES("init=42\0id=abc\0cwd=/\0");
	REFUSES(BASE "label=x\0");
	REFUSES(BASE "nothing\0");
	REFUSES(BASE "uid=-1\0");
	REFUSES(BASE "uid=4294967295\0");
	REFUSES(BASE "gid=1x\0");
	REFUSES(BASE "group=\0");
	REFUSES(BASE "init=0\0");
	REFUSES(BASE "bounding=xyz\0");
	REFUSES(BASE "bounding=-1\0");
	REFUSES(BASE "rlimit=99:1:1\0");
	REFUSES(BASE "rlimit=7:1\0");
	REFUSES(BASE "rlimit=7:1:1x\0");
	REFUSES(BASE "oom-score-adj=many\0");
	CHECK(exec_plan_read(&plan, "/no/such/file") == -ENOENT);
	exec_plan_free(&plan);
	return 0;
}
