#include "switch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/pipe.h"

enum {
	PORTS = 4,
	EVENTS = 64,
	RETRY_NS = 10 * 1000000
};
/* A program may connect before the other one listens, and must not notice that its bytes wait here. */
#define GIVE_UP_NS (6 * INT64_C(1000000000))

struct listener {
	int fd;
	size_t machine;
	uint16_t port;
};

struct end {
	struct connection *connection;
	int side; /* 0: the end that connected */
	uint32_t interest;
};

struct connection {
	struct connection *next;
	size_t from, to;
	uint16_t port;
	bool connected, lost;
	int64_t retry_at, give_up_at;
	struct end ends[2];
	struct pipe pipes[2]; /* indexed by the sending side */
};

struct switch_ctx {
	uint32_t base;
	size_t machines, n_listeners;
	int epoll;
	const struct pace *pace; /* NULL, or &pacing */
	struct pace pacing;
	struct link links[SWITCH_MACHINES + 1];
	struct listener listeners[SWITCH_MACHINES * PORTS];
	struct connection *connections;
	uint64_t client, between;
	struct lateness lateness;
};

static struct sockaddr_in address(const struct switch_ctx *ctx, size_t last, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl((ctx->base & 0xffffff00u) | (uint32_t)last)};
}

/* The cluster machine with this address; 0 for other addresses. */
static size_t machine_of(const struct switch_ctx *ctx, const struct sockaddr_in *from)
{
	uint32_t host = ntohl(from->sin_addr.s_addr), last = host & 0xff;

	if ((host & 0xffffff00u) != (ctx->base & 0xffffff00u) || last <= SWITCH_PRIVATE)
		return 0;
	return last - SWITCH_PRIVATE <= ctx->machines ? last - SWITCH_PRIVATE : 0;
}

static bool listener_open(struct switch_ctx *ctx, size_t machine, uint16_t port)
{
	struct sockaddr_in addr = address(ctx, machine, port);
	struct listener *l = &ctx->listeners[ctx->n_listeners];
	int one = 1;

	*l = (struct listener){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), machine, port};
	if (l->fd < 0)
		return false;
	ctx->n_listeners++;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
	return !setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	       !setsockopt(l->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) &&
	       !bind(l->fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(l->fd, SOMAXCONN) &&
	       !epoll_ctl(ctx->epoll, EPOLL_CTL_ADD, l->fd, &event);
}

struct switch_ctx *switch_new(uint32_t base, size_t machines, const uint16_t *ports, size_t n_ports)
{
	struct switch_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx || machines > SWITCH_MACHINES || n_ports > PORTS) {
		free(ctx);
		return NULL;
	}
	*ctx = (struct switch_ctx){.base = base, .machines = machines, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	/* Otherwise the kernel rounds the end of a wait up by 50 us. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	for (size_t i = 0; i < machines * n_ports; i++) {
		if (listener_open(ctx, 1 + i / n_ports, ports[i % n_ports]))
			continue;
		fprintf(stderr, "switch: cannot listen on port %u of machine %zu: %s\n", ports[i % n_ports],
			1 + i / n_ports, strerror(errno));
		switch_free(ctx);
		return NULL;
	}
	return ctx;
}

static void connection_free(struct connection *c)
{
	for (int side = 0; side < 2; side++) {
		pipe_drop(&c->pipes[side]);
		if (c->pipes[side].from >= 0)
			close(c->pipes[side].from);
	}
	free(c);
}

void switch_free(struct switch_ctx *ctx)
{
	if (!ctx)
		return;
	while (ctx->connections) {
		struct connection *next = ctx->connections->next;
		connection_free(ctx->connections);
		ctx->connections = next;
	}
	for (size_t i = 0; i < ctx->n_listeners; i++)
		close(ctx->listeners[i].fd);
	close(ctx->epoll);
	free(ctx);
}

void switch_pace(struct switch_ctx *ctx, const struct pace *pace)
{
	if (pace)
		ctx->pacing = *pace;
	ctx->pace = pace ? &ctx->pacing : NULL;
	memset(ctx->links, 0, sizeof(ctx->links));
}

/* Adds one end's socket to epoll. */
static void end_watch(struct switch_ctx *ctx, struct connection *c, int side)
{
	struct end *end = &c->ends[side];
	struct epoll_event event = {.events = 0, .data.ptr = end};
	int one = 1;

	*end = (struct end){.connection = c, .side = side};
	setsockopt(c->pipes[side].from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(ctx->epoll, EPOLL_CTL_ADD, c->pipes[side].from, &event) != 0)
		c->lost = true;
}

static void onward_ready(struct switch_ctx *ctx, struct connection *c, int fd)
{
	struct link *near = &ctx->links[c->from], *far = &ctx->links[c->to];

	c->connected = true;
	c->pipes[0].to = fd;
	c->pipes[1] =
		(struct pipe){.from = fd, .to = c->pipes[0].from, .out = far, .in = near, .passed = c->pipes[0].passed};
	end_watch(ctx, c, 1);
}

/* Tries once to connect to the destination. On the loopback interface this succeeds or fails at once. */
static void onward_connect(struct switch_ctx *ctx, struct connection *c, int64_t now)
{
	struct sockaddr_in own = address(ctx, c->from ? c->from : SWITCH_PRIVATE, 0);
	struct sockaddr_in other = address(ctx, SWITCH_PRIVATE + c->to, c->port);
	struct timeval limit = {.tv_usec = 100000};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
		!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) &&
		!setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) &&
		!bind(fd, (struct sockaddr *)&own, sizeof(own)) &&
		!connect(fd, (struct sockaddr *)&other, sizeof(other)) && !fcntl(fd, F_SETFL, O_NONBLOCK)) {
		onward_ready(ctx, c, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	c->lost = now >= c->give_up_at;
	c->retry_at = now + RETRY_NS;
}

static void listener_accept(struct switch_ctx *ctx, const struct listener *l)
{
	struct sockaddr_in peer = {0};
	socklen_t length = sizeof(peer);
	int fd = accept4(l->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c) {
		if (fd >= 0)
			close(fd);
		return;
	}
	int64_t now = pipe_now();
	*c = (struct connection){.next = ctx->connections,
		.from = machine_of(ctx, &peer),
		.to = l->machine,
		.port = l->port,
		.give_up_at = now + GIVE_UP_NS};
	c->pipes[0] = (struct pipe){.from = fd,
		.to = -1,
		.out = &ctx->links[c->from],
		.in = &ctx->links[c->to],
		.passed = c->from ? &ctx->between : &ctx->client};
	c->pipes[1].from = -1;
	ctx->connections = c;
	end_watch(ctx, c, 0);
	onward_connect(ctx, c, now);
}

/* Performs all actions of a connection that are due. Returns the time of the next one. */
static int64_t connection_advance(struct switch_ctx *ctx, struct connection *c)
{
	int64_t now = pipe_now(), next = INT64_MAX;

	if (!c->connected && c->retry_at <= now)
		onward_connect(ctx, c, now);
	if (!c->connected)
		return c->retry_at;
	for (int side = 0; side < 2 && !c->lost; side++) {
		c->lost = !pipe_write(&c->pipes[side], &ctx->lateness);
		int64_t own = pipe_next(&c->pipes[side], ctx->pace, now);
		next = own < next ? own : next;
	}
	c->lost |= c->pipes[0].shut && c->pipes[1].shut;
	return next;
}

/* Requests only events that would lead to an action. */
static void end_interest(struct switch_ctx *ctx, struct connection *c, int side, int64_t now)
{
	struct end *end = &c->ends[side];
	uint32_t wanted = (pipe_may_read(&c->pipes[side], ctx->pace, now) ? (uint32_t)EPOLLIN : 0) |
			  (c->pipes[1 - side].blocked ? (uint32_t)EPOLLOUT : 0);

	if (!c->connected || wanted == end->interest)
		return;
	struct epoll_event event = {.events = wanted, .data.ptr = end};
	end->interest = wanted;
	if (epoll_ctl(ctx->epoll, EPOLL_CTL_MOD, c->pipes[side].from, &event) != 0)
		c->lost = true;
}

/* Advances all connections, closes those that are finished, and returns the time of the next action. */
static int64_t connections_advance(struct switch_ctx *ctx)
{
	int64_t next = INT64_MAX;

	for (struct connection **at = &ctx->connections; *at;) {
		struct connection *c = *at;
		int64_t own = connection_advance(ctx, c);
		for (int side = 0; side < 2 && !c->lost; side++)
			end_interest(ctx, c, side, pipe_now());
		if (c->lost) {
			*at = c->next;
			connection_free(c);
			continue;
		}
		next = own < next ? own : next;
		at = &c->next;
	}
	return next;
}

static void end_event(struct switch_ctx *ctx, struct end *end, uint32_t events)
{
	struct connection *c = end->connection;

	if (events & EPOLLOUT)
		c->pipes[1 - end->side].blocked = false;
	if ((events & EPOLLERR) || (!c->connected && (events & EPOLLHUP)))
		c->lost = true;
	else if ((events & (EPOLLIN | EPOLLHUP)) && !c->pipes[end->side].ended_at)
		c->lost |= !pipe_read(&c->pipes[end->side], ctx->pace);
}

static bool is_listener(const struct switch_ctx *ctx, const void *what)
{
	return (const struct listener *)what >= ctx->listeners &&
	       (const struct listener *)what < ctx->listeners + ctx->n_listeners;
}

/* Waits for socket events until a time. False: the descriptor "also" is ready. */
static bool events_take(struct switch_ctx *ctx, int64_t until)
{
	struct epoll_event events[EVENTS];
	struct timespec wait = {0};
	int64_t left = until == INT64_MAX ? 0 : until - pipe_now();
	bool go_on = true;

	if (left > 0) {
		wait.tv_sec = left / 1000000000;
		wait.tv_nsec = left % 1000000000;
	}
	int n = epoll_pwait2(ctx->epoll, events, EVENTS, until == INT64_MAX ? NULL : &wait, NULL);
	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;
		if (!what)
			go_on = false;
		else if (is_listener(ctx, what))
			listener_accept(ctx, what);
		else
			end_event(ctx, what, events[i].events);
	}
	return go_on;
}

void switch_run(struct switch_ctx *ctx, int also)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (also >= 0)
		epoll_ctl(ctx->epoll, EPOLL_CTL_ADD, also, &event);
	while (events_take(ctx, connections_advance(ctx)))
		continue;
	if (also >= 0)
		epoll_ctl(ctx->epoll, EPOLL_CTL_DEL, also, NULL);
}

static int late_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

struct switch_counts switch_counts(struct switch_ctx *ctx)
{
	struct lateness *l = &ctx->lateness;
	size_t room = sizeof(l->late) / sizeof(*l->late), n = l->count < room ? (size_t)l->count : room;
	struct switch_counts counts = {.client = ctx->client, .between = ctx->between};

	if (n) {
		qsort(l->late, n, sizeof(*l->late), late_compare);
		int64_t middle = l->late[n / 2];
		counts.late_median_us = (double)middle / 1e3;
		counts.late_most_us = (double)l->late[n - 1] / 1e3;
	}
	ctx->client = ctx->between = l->count = 0;
	return counts;
}
