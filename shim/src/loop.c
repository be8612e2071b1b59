#include "loop.h"

#include <errno.h>
#include <stddef.h>

#include "util.h"

int source_watch(int epfd, struct source *source, uint32_t events)
{
	if (source->fd < 0 || (source->watched && source->events == events))
		return 0;
	struct epoll_event event = { .events = events, .data.ptr = source };
	if (epoll_ctl(epfd, source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->watched = true;
	source->events = events;
	return 0;
}

void source_unwatch(int epfd, struct source *source)
{
	if (source->watched)
		epoll_ctl(epfd, EPOLL_CTL_DEL, source->fd, NULL);
	source->watched = false;
	source->events = 0;
}

void source_close(int epfd, struct source *source)
{
	source_unwatch(epfd, source);
	close_and_forget(&source->fd);
}
