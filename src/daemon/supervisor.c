#include "daemon/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "daemon/announce/announcer.h"
#include "daemon/door.h"
#include "daemon/listeners.h"
#include "daemon/notify.h"
#include "daemon/processes/process.h"
#include "daemon/workers/pool.h"
#include "daemon/workers/refusals.h"

/* From the first signal to SIGKILL for the workers, and from there to leaving without them. */
#define STOP_NS (1000 * GW_NS_PER_MS)
#define KILL_NS (500 * GW_NS_PER_MS)

struct gw_supervisor {
	struct gw_source signals;
	int events;
	int signal_fd;
	struct gw_listeners *listeners;
	struct gw_door *door;
	struct gw_refusals refusals;
	struct gw_pool *pool;
	struct gw_process indexer; /* pid 0: none runs */
	struct gw_keeper *keeper;  /* of the cache; NULL = there is none */
	struct gw_supervisor_options o;
	struct gw_progress *progress;
	bool reap;        /* a child has ended */
	int stop_signal;  /* the first one; 0 = none came */
	uint64_t stop_at; /* workers that are left then are killed */
	bool killed;      /* they were, and stop_at is when they are left to themselves */
	bool done;
	int exit_status;
};

static void on_signals(struct gw_source *source);
static gw_listeners_take on_connection;

static bool is_ignored(int signo)
{
	struct sigaction now;
	return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Blocks the signals that the loop takes, and makes the descriptor that they come from. */
static enum gw_status open_signals(int *fd, struct gw_error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	if (!is_ignored(SIGINT))
		sigaddset(&set, SIGINT);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	/* An ignored SIGCHLD, which a parent may leave us, would take the workers' exit status away. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int made = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (made < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "signalfd");
	*fd = made;
	return GW_OK;
}

enum gw_status gw_supervisor_new(struct gw_supervisor **out, struct gw_error *err)
{
	struct gw_supervisor *s = calloc(1, sizeof(*s));
	if (!s)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	s->signals.ready = on_signals;
	enum gw_status status = open_signals(&s->signal_fd, err);
	if (status)
		goto free_s;
	status = gw_events_open(&s->events, err);
	if (status)
		goto close_signals;
	status = gw_listeners_new(on_connection, s, &s->listeners, err);
	if (status)
		goto close_events;
	*out = s;
	return GW_OK;
close_events:
	close(s->events);
close_signals:
	close(s->signal_fd);
free_s:
	free(s);
	return status;
}

void gw_supervisor_free(struct gw_supervisor *s)
{
	if (!s)
		return;
	gw_listeners_free(s->listeners);
	gw_door_free(s->door);
	gw_pool_free(s->pool);
	gw_keeper_free(s->keeper);
	gw_progress_free(s->progress);
	close(s->events);
	close(s->signal_fd);
	free(s);
}

int gw_supervisor_interrupt(const struct gw_supervisor *s)
{
	return s->signal_fd;
}

static void on_connection(void *user, int fd, const struct gw_endpoint *ep, const struct gw_terms *terms)
{
	struct gw_supervisor *s = user;
	gw_door_take(s->door, fd, ep, terms);
}

/* Somebody at the door has said something. */
static bool on_visitor(void *user, const struct gw_visitor *visitor, bool last)
{
	struct gw_supervisor *s = user;
	if (!last && !gw_pool_is_due(s->pool, visitor))
		return false;
	gw_pool_serve(s->pool, visitor);
	return true;
}

static bool on_link(void *user, int fd, bool needs_tls, const uint8_t secret[GW_PEERS_SECRET])
{
	struct gw_supervisor *s = user;
	return gw_pool_link(s->pool, fd, needs_tls, secret);
}

enum gw_status gw_supervisor_listen(struct gw_supervisor *s, const struct gw_endpoint *ep, const struct gw_terms *terms,
	struct gw_endpoint *bound, struct gw_error *err)
{
	return gw_listeners_open(s->listeners, ep, terms, bound, err);
}

enum gw_status gw_supervisor_adopt(struct gw_supervisor *s, int fd, const struct gw_endpoint *ep,
	const struct gw_terms *terms, struct gw_error *err)
{
	return gw_listeners_adopt(s->listeners, fd, ep, terms, err);
}

/* The listeners are freed once the events under way have been taken. */
static void stop(struct gw_supervisor *s, int signo)
{
	if (s->stop_signal) {
		s->exit_status = 128 + signo;
		s->done = true;
		return;
	}
	gw_log_info("%s: stopping", strsignal(signo));
	gw_notify_send("STOPPING=1");
	s->stop_signal = signo;
	s->stop_at = gw_clock_ns() + STOP_NS;
	gw_door_close(s->door);
	gw_listeners_stop(s->listeners);
	gw_pool_stop(s->pool, SIGTERM);
	if (s->indexer.pid)
		kill(s->indexer.pid, SIGKILL);
}

static void on_signals(struct gw_source *source)
{
	struct gw_supervisor *s = (struct gw_supervisor *)source;
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			s->reap = true;
		else
			stop(s, (int)info.ssi_signo);
	}
}

/* What the clock brings while stopping. */
static void stop_harder(struct gw_supervisor *s)
{
	if (s->killed) {
		gw_log_warn("some workers do not exit and are left running");
		s->done = true;
		return;
	}
	gw_pool_stop(s->pool, SIGKILL);
	s->killed = true;
	s->stop_at += KILL_NS;
}

static void start_indexer(struct gw_supervisor *s, const struct gw_control_setup *setup)
{
	struct gw_error err;
	struct gw_control_setup ask = *setup;
	ask.index = true;
	if (setup->models[0] && gw_process_spawn_worker(&ask, NULL, 0, &s->indexer, &err))
		gw_log_error("models are not indexed: %s", err.text);
}

static void reap_indexer(struct gw_supervisor *s)
{
	int status;
	char how[64];
	if (!s->indexer.pid || waitpid(s->indexer.pid, &status, WNOHANG) != s->indexer.pid)
		return;
	gw_process_status_text(status, how, sizeof(how));
	if (status && !s->stop_signal)
		gw_log_error("indexing models ended with %s", how);
	close(s->indexer.control);
	s->indexer.pid = 0;
}

/* Everything that is not a source's business. */
static void tick(struct gw_supervisor *s)
{
	uint64_t now = gw_clock_ns();
	if (s->reap) {
		s->reap = false;
		gw_pool_reap(s->pool);
		reap_indexer(s);
		if (!s->stop_signal)
			gw_http_reap(s->o.http);
		gw_announcer_reap(s->o.announcer);
		gw_keeper_reap(s->keeper);
	}
	gw_refusals_tick(&s->refusals);
	if (s->stop_signal) {
		gw_listeners_free(s->listeners);
		s->listeners = NULL;
		if (gw_pool_is_empty(s->pool))
			s->done = true;
		else if (now >= s->stop_at)
			stop_harder(s);
		return;
	}
	gw_http_tick(s->o.http, gw_pool_is_busy(s->pool));
	gw_announcer_tick(s->o.announcer);
	gw_listeners_tick(s->listeners);
	gw_door_tick(s->door);
	gw_pool_tick(s->pool);
	gw_progress_draw(s->progress);
}

static uint64_t deadline(struct gw_supervisor *s)
{
	if (s->stop_signal)
		return s->stop_at;
	const uint64_t all[] = {
		gw_pool_deadline(s->pool),
		gw_progress_deadline(s->progress),
		gw_http_deadline(s->o.http),
		gw_announcer_deadline(s->o.announcer),
		gw_listeners_deadline(s->listeners),
		gw_door_deadline(s->door),
		gw_refusals_deadline(&s->refusals),
	};
	uint64_t at = GW_CLOCK_NEVER;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] < at)
			at = all[i];
	return at;
}

static enum gw_status watch_all(struct gw_supervisor *s, struct gw_error *err)
{
	enum gw_status status = gw_events_add(s->events, s->signal_fd, &s->signals, err);
	return status ? status : gw_listeners_watch(s->listeners, s->events, err);
}

static enum gw_status open_door(struct gw_supervisor *s, struct gw_error *err)
{
	const struct gw_door_options options = {
		.events = s->events,
		.allow = s->o.allow,
		.refusals = &s->refusals,
		.admit = on_visitor,
		.link = on_link,
		.user = s,
	};
	gw_refusals_init(&s->refusals, s->o.board, s->o.max_clients, s->o.max_per_host);
	return gw_door_new(&options, &s->door, err);
}

static enum gw_status start_pool(struct gw_supervisor *s, struct gw_error *err)
{
	enum gw_status status = gw_progress_new(s->o.board, &s->progress, err);
	if (!status && s->o.setup->cache_dir[0])
		status = gw_keeper_new(s->o.setup, &s->keeper, err);
	if (status)
		return status;
	const struct gw_pool_options options = {
		.events = s->events,
		.max_clients = s->o.max_clients,
		.max_per_host = s->o.max_per_host,
		.refusals = &s->refusals,
		.has_drivers = s->o.has_drivers,
		.board = s->o.board,
		.progress = s->progress,
		.keys = s->o.keys,
		.allow = s->o.allow,
		.keeper = s->keeper,
	};
	return gw_pool_new(&options, s->o.setup, &s->pool, err);
}

/* Somebody looks at the status, and what it says of memory is old. */
static void on_asked(void *user)
{
	struct gw_supervisor *s = user;
	if (!s->stop_signal)
		gw_pool_look_at_memory(s->pool);
}

static enum gw_status watch_http(struct gw_supervisor *s, struct gw_error *err)
{
	return s->o.http ? gw_http_watch(s->o.http, s->events, on_asked, s, err) : GW_OK;
}

int gw_supervisor_run(struct gw_supervisor *s, const struct gw_supervisor_options *options)
{
	struct gw_error err;
	s->o = *options;
	if (open_door(s, &err) || start_pool(s, &err) || watch_all(s, &err) || watch_http(s, &err))
		goto failed;
	gw_pool_tick(s->pool);
	start_indexer(s, s->o.setup);
	gw_log_info("ready");
	gw_notify_send("READY=1");
	while (!s->done) {
		if (gw_events_wait(s->events, deadline(s), &err))
			goto failed;
		tick(s);
	}
	return s->exit_status;
failed:
	gw_log_error("the server stops: %s", err.text);
	return EXIT_FAILURE;
}
