#include "oomwatch.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client.h"
#include "oom.h"
#include "shim.h"
#include "util.h"

/* An announced kill is looked for this often, */
#define LOOK_EVERY_MS 10
/* and this long: the kernel may find that there is memory after all. */
#define LOOK_FOR_MS 2000

static void tell(struct shim *shim)
{
	char line[PROTOCOL_LINE_MAX];
	snprintf(line, sizeof(line), "oom %d", ++shim->oom.count);
	clients_announce(shim, line);
}

/* Tells of kills since the last look, or of an announcement that means processes that wait, and whether there was either. */
static bool look(struct shim *shim)
{
	struct oom_watch *watch = &shim->oom;
	struct oom_facts facts;
	if (watch->counter < 0 || oom_read(watch->counter, &facts) < 0)
		return false;
	if (facts.kills <= watch->kills && !(facts.stuck && watch->look_until_ms > 0))
		return false;
	watch->kills = facts.kills;
	watch->look_until_ms = 0;
	tell(shim);
	return true;
}

static void on_notice(struct shim *shim, struct source *source, uint32_t events)
{
	struct oom_facts facts;
	uint64_t notices;
	if ((events & EPOLLIN) && read(source->fd, &notices, sizeof(notices)) < 0)
		return;
	if (oom_read(shim->oom.counter, &facts) < 0) {
		source_close(shim->epfd, source);
		return;
	}
	/* v2 counts before it tells, and tells of much else */
	if (events & EPOLLIN)
		shim->oom.look_until_ms = monotonic_ms() + LOOK_FOR_MS;
	look(shim);
}

void oomwatch_init(struct shim *shim)
{
	shim->oom = (struct oom_watch){ .notifier = { .fd = -1, .ready = on_notice }, .counter = -1 };
}

void oomwatch_open(struct shim *shim)
{
	struct oom_watch *watch = &shim->oom;
	watch->counter = oom_open(shim->init_pid, shim->args.cgroup);
	if (watch->counter < 0)
		return;
	uint32_t events;
	watch->notifier.fd = oom_notifier(watch->counter, &events);
	int err = watch->notifier.fd < 0 ? watch->notifier.fd : source_watch(shim->epfd, &watch->notifier, events);
	if (err < 0)
		shim_log("out of memory will be told at the end only: %s", strerror(-err));
	look(shim);
}

void oomwatch_close(struct shim *shim)
{
	look(shim);
	shim->oom.look_until_ms = 0;
	source_close(shim->epfd, &shim->oom.notifier);
	close_and_forget(&shim->oom.counter);
}

int64_t oomwatch_tick(struct shim *shim, int64_t now_ms)
{
	struct oom_watch *watch = &shim->oom;
	if (watch->look_until_ms == 0)
		return -1;
	if (!look(shim) && now_ms < watch->look_until_ms)
		return LOOK_EVERY_MS;
	watch->look_until_ms = 0;
	return -1;
}
