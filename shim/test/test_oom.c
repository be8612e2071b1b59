#include <errno.h>

#include "check.h"
#include "oom.h"

int main(void)
{
	char path[64];
	/* hybrid: the v2 line has no memory controller when v1 has it */
	CHECK(oom_find_cgroup("5:cpu,cpuacct:/a\n3:memory:/docker/x\n0::/u\n", path, sizeof(path)) == 1);
	CHECK_TEXT(path, "/docker/x");
	CHECK(oom_find_cgroup("0::/u\n3:pids,memory:/y\n", path, sizeof(path)) == 1);
	CHECK_TEXT(path, "/y");
	CHECK(oom_find_cgroup("0::/system.slice/docker-x.scope\n", path, sizeof(path)) == 2);
	CHECK_TEXT(path, "/system.slice/docker-x.scope");
	CHECK(oom_find_cgroup("5:memoryless:/a\n", path, sizeof(path)) == -ENOENT);
	CHECK(oom_find_cgroup("", path, sizeof(path)) == -ENOENT);

	CHECK(oom_parse_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3);
	CHECK(oom_parse_kills("low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n") == 1);
	CHECK(oom_parse_kills("low 0\n") == 0);
	CHECK(oom_parse_kills("") == 0);
	CHECK(!oom_happened(-1));
	return 0;
}
