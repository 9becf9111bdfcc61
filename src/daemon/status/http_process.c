#include "daemon/status/http_process.h"

#include <stdlib.h>

#ifdef GGWIRE_HTTP

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "daemon/processes/control.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/status/http_crowd.h"
#include "daemon/status/http_server.h"

/* Numbers about memory that are older are asked for again when somebody looks, */
#define MEMORY_AGE_NS (5000 * GW_NS_PER_MS)
/* and not more often than this. */
#define ASK_NS (1000 * GW_NS_PER_MS)
/* Descriptors besides those of connections, and bytes: the program and its libraries take about 100 MiB. */
#define FILES_MORE 24
#define MEMORY_MAX ((rlim_t)1 << 30)

struct process {
	struct gw_source control;
	struct gw_control_http setup;
	struct gw_scoreboard *board;
	struct gw_http_server *server;
	uint64_t asked_at;
	bool done;
};

static enum gw_status tell(enum gw_control_type type, const struct gw_error *error)
{
	struct gw_control_msg msg = {.type = type};
	if (error)
		msg.u.error = *error;
	return gw_control_send(GW_CONTROL_FD, false, &msg, -1, NULL);
}

/* A request for the status asks for memory that is free now, not when it was last used. The number is
 * there for the next request, so that none waits for a device. */
static void on_asked(void *user)
{
	struct process *p = user;
	uint64_t now = gw_clock_ns();
	if (now - p->asked_at < ASK_NS || gw_scoreboard_memory_age(p->board) <= MEMORY_AGE_NS)
		return;
	p->asked_at = now;
	(void)tell(GW_CONTROL_ASKED, NULL);
}

static void on_control(struct gw_source *source)
{
	struct process *p = (struct process *)source;
	struct gw_control_msg msg;
	enum gw_status status = gw_control_recv(GW_CONTROL_FD, false, &msg, NULL, NULL);
	if (status == GW_OK && msg.type == GW_CONTROL_BUSY)
		gw_http_server_busy(p->server);
	else if (status != GW_ERR_TIMEOUT)
		p->done = true;
}

static enum gw_status receive_setup(struct process *p, struct gw_error *err)
{
	struct gw_control_msg msg;
	enum gw_status status = gw_control_recv(GW_CONTROL_FD, true, &msg, NULL, err);
	if (!status && msg.type != GW_CONTROL_HTTP)
		status = gw_error_set(err, GW_ERR_PROTOCOL, "no setup");
	if (!status)
		p->setup = msg.u.http;
	return status;
}

/* A checking build reserves more address space than there is memory. */
static void bound_resources(void)
{
	const struct rlimit files = {GW_HTTP_CROWD_MAX + FILES_MORE, GW_HTTP_CROWD_MAX + FILES_MORE};
	setrlimit(RLIMIT_NOFILE, &files);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX};
	setrlimit(RLIMIT_AS, &memory);
#endif
}

static enum gw_status lock_in(const struct process *p, struct gw_error *err)
{
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {.mode = p->setup.sandbox, .kind = GW_SANDBOX_HTTP};
	enum gw_status status = gw_sandbox_enter(&sandbox, in_force, err);
	if (!status)
		gw_log_debug("sandbox of HTTP: %s", in_force);
	return status;
}

static enum gw_status prepare(struct process *p, int events, struct gw_error *err)
{
	const struct gw_http_server_options options = {
		.events = events,
		.listener = GW_CONTROL_HTTP_LISTEN_FD,
		.board = p->board,
		.is_local = p->setup.is_local,
		.allow = &p->setup.allow,
		.token = p->setup.token,
		.asked = on_asked,
		.user = p,
	};
	bound_resources();
	enum gw_status status = gw_http_server_new(&options, &p->server, err);
	if (!status)
		status = gw_events_add(events, GW_CONTROL_FD, &p->control, err);
	return status ? status : lock_in(p, err);
}

static int serve(struct process *p, int events)
{
	struct gw_error err;
	if (tell(GW_CONTROL_READY, NULL))
		return EXIT_FAILURE;
	while (!p->done) {
		if (gw_events_wait(events, gw_http_server_deadline(p->server), &err)) {
			gw_log_error("HTTP: %s", err.text);
			return EXIT_FAILURE;
		}
		gw_http_server_tick(p->server);
	}
	return EXIT_SUCCESS;
}

static int run(struct process *p)
{
	struct gw_error err;
	int events;
	if (receive_setup(p, &err))
		return EXIT_FAILURE;
	gw_sandbox_begin(p->setup.sandbox);
	gw_log_set_format(p->setup.log_format);
	if (p->setup.has_log_level)
		gw_log_set_level(p->setup.log_level);
	if (gw_scoreboard_attach_to_read(GW_CONTROL_HTTP_BOARD_FD, p->setup.board_slots, &p->board, &err) ||
		gw_events_open(&events, &err) || prepare(p, events, &err)) {
		(void)tell(GW_CONTROL_FAILED, &err);
		return EXIT_FAILURE;
	}
	return serve(p, events);
}

int gw_http_main(void)
{
	static struct process p;
	/* As with workers. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	p.control.ready = on_control;
	return run(&p);
}

#else

int gw_http_main(void)
{
	return EXIT_FAILURE;
}

#endif
