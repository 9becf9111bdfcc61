#include "base/events.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "base/clock.h"

#define BATCH 32

enum gw_status gw_events_open(int *events, struct gw_error *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "epoll_create1");
	*events = fd;
	return GW_OK;
}

enum gw_status gw_events_add(int events, int fd, struct gw_source *source, struct gw_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "epoll_ctl");
	return GW_OK;
}

void gw_events_pause(int events, int fd)
{
	epoll_ctl(events, EPOLL_CTL_DEL, fd, NULL);
}

void gw_events_resume(int events, int fd, struct gw_source *source)
{
	gw_events_add(events, fd, source, NULL);
}

/* Milliseconds from now to the deadline, rounded up. */
static int timeout_ms(uint64_t deadline)
{
	if (deadline == GW_CLOCK_NEVER)
		return -1;
	uint64_t now = gw_clock_ns();
	if (deadline <= now)
		return 0;
	uint64_t ms = (deadline - now - 1) / 1000000 + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

enum gw_status gw_events_wait(int events, uint64_t deadline, struct gw_error *err)
{
	struct epoll_event ready[BATCH];
	int n = epoll_wait(events, ready, BATCH, timeout_ms(deadline));
	if (n < 0 && errno != EINTR)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "epoll_wait");
	for (int i = 0; i < n; i++) {
		struct gw_source *source = ready[i].data.ptr;
		source->ready(source);
	}
	return GW_OK;
}
