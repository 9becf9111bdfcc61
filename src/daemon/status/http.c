#include "daemon/status/http.h"

#ifdef GGWIRE_HTTP

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "daemon/processes/process.h"
#include "transport/list/transports.h"

#define BACKLOG 64
#define RETRY_MAX_S 30
/* A process that has lived for so long has not failed at its start. */
#define LONG_NS (60 * GW_NS_PER_S)
/* It has less to say than one message for each second. */
#define MESSAGES_MAX 100
/* Above the descriptors that processes are started with. */
#define FD_FIRST 16

struct gw_http {
	struct gw_source source;
	struct gw_process process; /* pid 0: none runs */
	struct gw_control_msg first;
	struct gw_scoreboard *board;
	int fd;
	int events; /* -1 = not watched yet */
	void (*asked)(void *user);
	void *user;
	bool busy;          /* it was told that clients are connected */
	uint64_t since;     /* it was started, in gw_clock_ns */
	uint64_t start_at;  /* another one is, if none runs */
	unsigned failures;  /* in a row */
	uint64_t second_at; /* when the second of messages began, */
	unsigned messages;  /* and how many have come since */
};

static enum gw_status spawn(struct gw_http *http, struct gw_error *err)
{
	int board[2];
	gw_scoreboard_fds(http->board, board);
	const int fds[] = {board[1], http->fd};
	const struct gw_process_start start = {
		.kind = GW_PROCESS_HTTP,
		.first = &http->first,
		.fds = fds,
		.n_fds = 2,
		.environment = "",
	};
	http->since = gw_clock_ns();
	return gw_process_spawn(&start, &http->process, err);
}

static void lose(struct gw_http *http)
{
	uint64_t now = gw_clock_ns();
	if (now - http->since > LONG_NS)
		http->failures = 0;
	uint64_t wait = http->failures < 5 ? UINT64_C(1) << http->failures : RETRY_MAX_S;
	http->failures++;
	http->start_at = now + wait * GW_NS_PER_S;
	http->process.pid = 0;
	gw_log_warn("the status page restarts in %u s", (unsigned)wait);
}

static bool is_flooding(struct gw_http *http)
{
	uint64_t now = gw_clock_ns();
	if (now - http->second_at >= GW_NS_PER_S) {
		http->second_at = now;
		http->messages = 0;
	}
	return ++http->messages > MESSAGES_MAX;
}

/* It does not do what it should; its end is noticed when it is collected. */
static void kill_process(struct gw_http *http, const char *why)
{
	gw_log_error("HTTP: process %ld was killed: %s", (long)http->process.pid, why);
	gw_events_pause(http->events, http->process.control);
	kill(http->process.pid, SIGKILL);
}

static void on_message(struct gw_source *source)
{
	struct gw_http *http = (struct gw_http *)source;
	struct gw_control_msg msg;
	struct gw_error err;
	if (!http->process.pid)
		return;
	enum gw_status status = gw_control_recv(http->process.control, false, &msg, NULL, &err);
	if (status == GW_ERR_TIMEOUT)
		return;
	if (status == GW_ERR_CLOSED)
		kill_process(http, "it has hung up");
	else if (status)
		kill_process(http, err.text);
	else if (is_flooding(http))
		kill_process(http, "it sends too many messages");
	else if (msg.type == GW_CONTROL_ASKED)
		http->asked(http->user);
	else if (msg.type == GW_CONTROL_FAILED)
		gw_log_error("HTTP: %s", msg.u.error.text);
	else if (msg.type != GW_CONTROL_READY)
		kill_process(http, "unexpected message");
}

/* The first process, whose failure is one of the server's start. */
static enum gw_status await_ready(struct gw_http *http, int interrupt, struct gw_error *err)
{
	struct gw_control_msg msg;
	enum gw_status status = spawn(http, err);
	if (!status)
		status = gw_process_await(&http->process, interrupt, &msg, err);
	if (!status && msg.type == GW_CONTROL_FAILED)
		return gw_error_set(err, msg.u.error.status, "%s", msg.u.error.text);
	if (!status && msg.type != GW_CONTROL_READY)
		return gw_error_set(err, GW_ERR_PROTOCOL, "unexpected message");
	return status;
}

static enum gw_status open_listener(
	struct gw_http *http, const struct gw_endpoint *ep, struct gw_endpoint *bound, struct gw_error *err)
{
	int fd;
	enum gw_status status = gw_transport_listen(ep, BACKLOG, &fd, bound, err);
	if (status)
		return status;
	http->fd = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
	close(fd);
	return http->fd < 0 ? gw_error_errno(err, GW_ERR_SYSTEM, errno, "fcntl") : GW_OK;
}

enum gw_status gw_http_new(const struct gw_endpoint *ep, const struct gw_control_setup *setup,
	const struct gw_allow *allow, const char *token, struct gw_scoreboard *board, int interrupt,
	struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err)
{
	struct gw_http *http = calloc(1, sizeof(*http));
	if (!http)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	http->source.ready = on_message;
	http->board = board;
	http->fd = http->events = http->process.control = -1;
	http->first.type = GW_CONTROL_HTTP;
	http->first.u.http = (struct gw_control_http){.sandbox = setup->sandbox,
		.has_log_level = setup->has_log_level,
		.log_level = setup->log_level,
		.log_format = setup->log_format,
		.is_local = gw_endpoint_is_local(ep),
		.board_slots = gw_scoreboard_slots(board),
		.allow = *allow};
	snprintf(http->first.u.http.token, sizeof(http->first.u.http.token), "%s", token);
	enum gw_status status = open_listener(http, ep, bound, err);
	if (!status)
		status = await_ready(http, interrupt, err);
	if (status) {
		gw_http_free(http);
		return gw_error_prefix(err, "HTTP");
	}
	*out = http;
	return GW_OK;
}

enum gw_status gw_http_watch(
	struct gw_http *http, int events, void (*asked)(void *user), void *user, struct gw_error *err)
{
	http->events = events;
	http->asked = asked;
	http->user = user;
	return gw_events_add(events, http->process.control, &http->source, err);
}

static void end(struct gw_http *http)
{
	int status;
	kill(http->process.pid, SIGKILL);
	while (waitpid(http->process.pid, &status, 0) < 0 && errno == EINTR)
		;
	close(http->process.control);
}

void gw_http_free(struct gw_http *http)
{
	if (!http)
		return;
	if (http->process.pid)
		end(http);
	if (http->fd >= 0)
		close(http->fd);
	free(http);
}

uint64_t gw_http_deadline(const struct gw_http *http)
{
	return http && !http->process.pid ? http->start_at : GW_CLOCK_NEVER;
}

static void start_again(struct gw_http *http)
{
	struct gw_error err;
	http->busy = false;
	if (!spawn(http, &err)) {
		if (!gw_events_add(http->events, http->process.control, &http->source, &err))
			return;
		end(http);
	}
	gw_log_error("HTTP: %s", err.text);
	lose(http);
}

void gw_http_tick(struct gw_http *http, bool busy)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_BUSY};
	if (!http)
		return;
	if (!http->process.pid && gw_clock_ns() >= http->start_at)
		start_again(http);
	if (busy && !http->busy && http->process.pid)
		(void)gw_control_send(http->process.control, false, &msg, -1, NULL);
	http->busy = busy;
}

void gw_http_reap(struct gw_http *http)
{
	int status;
	char how[64];
	if (!http || !http->process.pid || waitpid(http->process.pid, &status, WNOHANG) != http->process.pid)
		return;
	gw_process_status_text(status, how, sizeof(how));
	gw_log_error("HTTP: process %ld died of %s", (long)http->process.pid, how);
	close(http->process.control);
	lose(http);
}

#else

enum gw_status gw_http_new(const struct gw_endpoint *ep, const struct gw_control_setup *setup,
	const struct gw_allow *allow, const char *token, struct gw_scoreboard *board, int interrupt,
	struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err)
{
	(void)ep;
	(void)setup;
	(void)allow;
	(void)token;
	(void)board;
	(void)interrupt;
	(void)bound;
	(void)out;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "--http: this ggwire was built without libmicrohttpd");
}

enum gw_status gw_http_watch(
	struct gw_http *http, int events, void (*asked)(void *user), void *user, struct gw_error *err)
{
	(void)http;
	(void)events;
	(void)asked;
	(void)user;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "this ggwire was built without libmicrohttpd");
}

void gw_http_free(struct gw_http *http)
{
	(void)http;
}

uint64_t gw_http_deadline(const struct gw_http *http)
{
	(void)http;
	return UINT64_MAX;
}

void gw_http_tick(struct gw_http *http, bool busy)
{
	(void)http;
	(void)busy;
}

void gw_http_reap(struct gw_http *http)
{
	(void)http;
}

#endif
