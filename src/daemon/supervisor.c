#include "daemon/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/events.h"
#include "daemon/notify.h"
#include "daemon/workers/pool.h"
#include "daemon/workers/process.h"
#include "transport/transports.h"

#define BACKLOG 128
#define ACCEPT_BATCH 16
#define NS_PER_MS UINT64_C(1000000)
#define ACCEPT_PAUSE_NS (200 * NS_PER_MS)
/* From the first signal to SIGKILL for the workers, and from there to leaving without them. */
#define STOP_NS (1000 * NS_PER_MS)
#define KILL_NS (500 * NS_PER_MS)
/* Numbers about memory that are older are asked for again when somebody looks. */
#define MEMORY_AGE_NS (5000 * NS_PER_MS)

struct listener {
	struct gw_source source;
	struct gw_supervisor *s;
	struct listener *next;
	struct gw_endpoint ep;
	const struct gw_dialect *dialect;
	struct stat file; /* of a Unix socket that was made here */
	int fd;
};

struct gw_supervisor {
	struct gw_source signals;
	int events;
	int signal_fd;
	struct listener *listeners;
	struct gw_pool *pool;
	struct gw_process indexer; /* pid 0: none runs */
	struct gw_supervisor_options o;
	struct gw_progress *progress;
	bool reap;          /* a child has ended */
	bool accept_failed; /* and that was logged */
	uint64_t accept_at; /* listeners are paused until then; 0 = they are not */
	int stop_signal;    /* the first one; 0 = none came */
	uint64_t stop_at;   /* workers that are left then are killed */
	bool killed;        /* they were, and stop_at is when they are left to themselves */
	bool done;
	int exit_status;
};

static void on_signals(struct gw_source *source);

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
	*out = s;
	return GW_OK;
close_signals:
	close(s->signal_fd);
free_s:
	free(s);
	return status;
}

static void close_listener(struct listener *l)
{
	close(l->fd);
	struct stat now;
	if (l->ep.kind->has_file && lstat(l->ep.host, &now) == 0 && now.st_dev == l->file.st_dev &&
		now.st_ino == l->file.st_ino)
		unlink(l->ep.host);
	free(l);
}

static void close_listeners(struct gw_supervisor *s)
{
	while (s->listeners) {
		struct listener *l = s->listeners;
		s->listeners = l->next;
		close_listener(l);
	}
}

void gw_supervisor_free(struct gw_supervisor *s)
{
	if (!s)
		return;
	close_listeners(s);
	gw_pool_free(s->pool);
	gw_progress_free(s->progress);
	close(s->events);
	close(s->signal_fd);
	free(s);
}

int gw_supervisor_interrupt(const struct gw_supervisor *s)
{
	return s->signal_fd;
}

/* Nothing can be accepted at the moment, and the reason will not go away by trying at once. */
static void pause_accepting(struct gw_supervisor *s, int errnum)
{
	if (!s->accept_failed)
		gw_log_error("cannot accept connections: %s", strerror(errnum));
	s->accept_failed = true;
	s->accept_at = gw_clock_ns() + ACCEPT_PAUSE_NS;
	for (struct listener *l = s->listeners; l; l = l->next)
		gw_events_pause(s->events, l->fd);
}

static void resume_accepting(struct gw_supervisor *s)
{
	s->accept_at = 0;
	for (struct listener *l = s->listeners; l; l = l->next)
		gw_events_resume(s->events, l->fd, &l->source);
}

/* Before any worker hears of it. */
static bool may_enter(const struct gw_supervisor *s, int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
		gw_allow_permits(s->o.allow, (const struct sockaddr *)&address))
		return true;
	char peer[128];
	gw_transport_peer_name(fd, peer, sizeof(peer));
	gw_log_warn("client %s refused: --allow does not name it", peer);
	gw_scoreboard_count(s->o.board, GW_COUNT_REFUSED);
	return false;
}

static void take_connection(struct gw_supervisor *s, int fd, const struct listener *l)
{
	s->accept_failed = false;
	if (may_enter(s, fd))
		gw_pool_serve(s->pool, fd, &l->ep, l->dialect);
	else
		close(fd);
}

static void on_connection(struct gw_source *source)
{
	struct listener *l = (struct listener *)source;
	struct gw_supervisor *s = l->s;
	if (s->stop_signal || s->accept_at)
		return;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;
		enum gw_status status = gw_transport_accept(l->fd, &fd);
		if (status) {
			if (status != GW_ERR_NOT_FOUND)
				pause_accepting(s, errno);
			return;
		}
		take_connection(s, fd, l);
	}
}

static struct listener *new_listener(struct gw_supervisor *s, const struct gw_dialect *dialect)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->source.ready = on_connection;
	l->s = s;
	l->dialect = dialect;
	return l;
}

static void add_listener(struct gw_supervisor *s, struct listener *l)
{
	l->next = s->listeners;
	s->listeners = l;
}

enum gw_status gw_supervisor_listen(struct gw_supervisor *s, const struct gw_endpoint *ep,
	const struct gw_dialect *dialect, struct gw_endpoint *bound, struct gw_error *err)
{
	struct listener *l = new_listener(s, dialect);
	if (!l)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status status = gw_transport_listen(ep, BACKLOG, &l->fd, &l->ep, err);
	if (status) {
		free(l);
		return status;
	}
	if (ep->kind->has_file)
		lstat(ep->host, &l->file);
	add_listener(s, l);
	*bound = l->ep;
	return GW_OK;
}

enum gw_status gw_supervisor_adopt(struct gw_supervisor *s, int fd, const struct gw_endpoint *ep,
	const struct gw_dialect *dialect, struct gw_error *err)
{
	struct listener *l = new_listener(s, dialect);
	if (!l) {
		close(fd);
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	l->fd = fd;
	l->ep = *ep;
	add_listener(s, l);
	return GW_OK;
}

/* The listeners stay until the sources under way have returned: on_connection looks at stop_signal. */
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
		gw_log_warn("some workers do not end, and are left behind");
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
	if (setup->models[0] && gw_process_spawn(&ask, NULL, &s->indexer, &err))
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
	}
	gw_http_tick(s->o.http);
	if (s->stop_signal) {
		close_listeners(s);
		if (gw_pool_is_empty(s->pool))
			s->done = true;
		else if (now >= s->stop_at)
			stop_harder(s);
		return;
	}
	if (s->accept_at && now >= s->accept_at)
		resume_accepting(s);
	gw_pool_keep_spare(s->pool);
	gw_progress_draw(s->progress);
}

static uint64_t deadline(const struct gw_supervisor *s)
{
	uint64_t at = gw_pool_deadline(s->pool);
	if (gw_progress_deadline(s->progress) < at)
		at = gw_progress_deadline(s->progress);
	if (gw_http_deadline(s->o.http) < at)
		at = gw_http_deadline(s->o.http);
	if (s->stop_signal && s->stop_at < at)
		at = s->stop_at;
	if (s->accept_at && s->accept_at < at)
		at = s->accept_at;
	return at;
}

static enum gw_status watch_all(struct gw_supervisor *s, struct gw_error *err)
{
	enum gw_status status = gw_events_add(s->events, s->signal_fd, &s->signals, err);
	for (struct listener *l = s->listeners; l && !status; l = l->next)
		status = gw_events_add(s->events, l->fd, &l->source, err);
	return status;
}

static enum gw_status start_pool(struct gw_supervisor *s, struct gw_error *err)
{
	enum gw_status status = gw_progress_new(s->o.board, &s->progress, err);
	if (status)
		return status;
	const struct gw_pool_options options = {
		.events = s->events,
		.max_clients = s->o.max_clients,
		.board = s->o.board,
		.progress = s->progress,
	};
	return gw_pool_new(&options, s->o.setup, &s->pool, err);
}

/* Whoever looks at the status wants to know what memory is free now, not only when it was used last. The answer is
 * there at the next look: nobody waits for a device. */
static void on_asked(void *user)
{
	struct gw_supervisor *s = user;
	if (!s->stop_signal && gw_scoreboard_memory_age(s->o.board) > MEMORY_AGE_NS)
		gw_pool_look_at_memory(s->pool);
}

static enum gw_status start_http(struct gw_supervisor *s, struct gw_error *err)
{
	const struct gw_http_options options = {
		.events = s->events,
		.board = s->o.board,
		.allow = s->o.allow,
		.asked = on_asked,
		.user = s,
	};
	return s->o.http ? gw_http_start(s->o.http, &options, err) : GW_OK;
}

int gw_supervisor_run(struct gw_supervisor *s, const struct gw_supervisor_options *options)
{
	struct gw_error err;
	s->o = *options;
	if (start_pool(s, &err) || watch_all(s, &err) || start_http(s, &err))
		goto failed;
	gw_pool_keep_spare(s->pool);
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
	gw_log_error("the server ends: %s", err.text);
	return EXIT_FAILURE;
}
