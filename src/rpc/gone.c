#include "rpc/gone.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct gw_gone {
	int fd;
	int end_fd; /* an eventfd; readable: the watch ends */
	struct gw_gone_steps steps;
	pthread_t thread;
};

enum event {
	TIME,
	END, /* of the watch */
	STOPPING,
	HANGUP,
};

/* Waits for one of the events, or until that time if it is not 0. hangup: the peer's end, too. */
static enum event wait_until(const struct gw_gone *g, bool hangup, bool stopping, uint64_t until)
{
	struct pollfd fds[] = {{.fd = g->end_fd, .events = POLLIN}, {.fd = hangup ? g->fd : -1, .events = POLLRDHUP},
		{.fd = stopping && g->steps.stop_fd > 0 ? g->steps.stop_fd : -1, .events = POLLIN}};
	int n, timeout = -1;
	do {
		uint64_t now = gw_clock_ns();
		if (until)
			timeout = now < until ? (int)((until - now + GW_NS_PER_MS - 1) / GW_NS_PER_MS) : 0;
		n = poll(fds, 3, timeout);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return TIME;
	return fds[0].revents ? END : fds[2].revents ? STOPPING : HANGUP;
}

static void *run(void *arg)
{
	const struct gw_gone *g = arg;
	enum event event = wait_until(g, true, true, 0);
	uint64_t give_up_at = gw_clock_ns() + GW_GONE_GIVE_UP_MS * GW_NS_PER_MS;
	if (event == HANGUP)
		event = wait_until(g, false, true, gw_clock_ns() + GW_GONE_STOP_MS * GW_NS_PER_MS);
	if (event == END)
		return NULL;
	if (event == STOPPING) {
		g->steps.stopping(g->steps.user);
		give_up_at = gw_clock_ns() + GW_GONE_STOPPING_MS * GW_NS_PER_MS;
	} else {
		g->steps.stop(g->steps.user);
	}
	if (g->steps.give_up && wait_until(g, false, false, give_up_at) == TIME)
		g->steps.give_up(g->steps.user);
	return NULL;
}

enum gw_status gw_gone_watch(int fd, const struct gw_gone_steps *steps, struct gw_gone **out, struct gw_error *err)
{
	struct gw_gone *g = calloc(1, sizeof(*g));
	if (!g)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory to watch the connection");
	*g = (struct gw_gone){.fd = fd, .end_fd = eventfd(0, EFD_CLOEXEC), .steps = *steps};
	if (g->end_fd < 0) {
		gw_error_errno(err, GW_ERR_SYSTEM, errno, "eventfd");
		goto free_g;
	}
	int failed = pthread_create(&g->thread, NULL, run, g);
	if (failed) {
		gw_error_errno(err, GW_ERR_SYSTEM, failed, "no thread to watch the connection");
		goto close_fd;
	}
	*out = g;
	return GW_OK;

close_fd:
	close(g->end_fd);
free_g:
	free(g);
	return GW_ERR_SYSTEM;
}

void gw_gone_end(struct gw_gone *g)
{
	const uint64_t one = 1;
	if (!g)
		return;
	(void)!write(g->end_fd, &one, sizeof(one));
	pthread_join(g->thread, NULL);
	close(g->end_fd);
	free(g);
}
