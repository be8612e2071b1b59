#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "loop.h"
#include "oom.h"
#include "util.h"

/* How a mounted v2 hierarchy tells of changes in its files, tried on one that needs no controller. */
static void check_notifier_v2(const char *hierarchy)
{
	char group[128], path[160], text[64];
	uint32_t events;
	snprintf(group, sizeof(group), "%s/wharf-test-oom-%d", hierarchy, (int)getpid());
	if (mkdir(group, 0755) < 0)
		return;
	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	int counter = open(path, O_RDONLY);
	if (counter < 0) {
		rmdir(group); /* v1's controllers are below a tmpfs */
		return;
	}
	int notifier = oom_notifier(counter, &events);
	int epfd = epoll_create1(0);
	struct source source = { .fd = notifier };
	struct epoll_event event;
	CHECK(read(counter, text, sizeof(text)) > 0);
	CHECK(source_watch(epfd, &source, events) == 0);
	CHECK(epoll_wait(epfd, &event, 1, 0) == 0);
	pid_t child = fork();
	if (child == 0) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", group);
		int procs = open(path, O_WRONLY);
		_exit(write_all(procs, "0", 1) < 0);
	}
	CHECK(epoll_wait(epfd, &event, 1, 30000) == 1);
	CHECK(event.events & EPOLLPRI);
	waitpid(child, NULL, 0);
	CHECK(pread(counter, text, sizeof(text), 0) > 0);
	source_close(epfd, &source);
	close(epfd);
	close(counter);
	rmdir(group);
}

/* A regular file for a counter that has gone on. */
static void check_read(void)
{
	char path[] = "/tmp/memory.events-XXXXXX";
	struct oom_facts facts;
	int file = mkstemp(path);
	CHECK(write_all(file, "oom_kill 2\n", 11) == 0);
	CHECK(oom_read(file, &facts) == 0 && facts.kills == 2);
	unlink(path);
	close(file);
	CHECK(oom_read(-1, &facts) == -EBADF);
}

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

	CHECK(oom_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n").kills == 3);
	CHECK(oom_parse("low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n").kills == 1);
	CHECK(oom_parse("low 0\n").kills == 0);
	CHECK(oom_parse("").kills == 0);
	CHECK(oom_parse("oom_kill_disable 1\nunder_oom 1\noom_kill 0\n").stuck);
	CHECK(!oom_parse("oom_kill_disable 0\nunder_oom 1\noom_kill 0\n").stuck);
	CHECK(!oom_parse("oom_kill_disable 1\nunder_oom 0\noom_kill 0\n").stuck);
	check_read();
	check_notifier_v2("/sys/fs/cgroup");
	check_notifier_v2("/sys/fs/cgroup/unified");
	return 0;
}
