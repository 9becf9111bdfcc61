#include "daemon/workers/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/events.h"
#include "daemon/workers/process.h"
#include "transport/transports.h"

#define NS_PER_S UINT64_C(1000000000)
#define RETRY_MAX_S 30
/* After this many failed starts in a row, clients are refused until the next attempt. */
#define FAILURES_MAX 3
#define PEER_MAX sizeof(((struct gw_transport *)0)->peer)

struct worker {
	struct gw_source source;
	struct gw_pool *pool;
	struct worker *next;
	struct gw_process process; /* control is -1 after it was closed */
	bool ready;                /* it has its devices */
	bool used;                 /* it has served a client */
	bool busy;                 /* it has a client, perhaps before it is ready */
	bool ending;               /* it is expected to exit */
	bool has_slot;             /* of the board */
	uint32_t slot;
	char client[PEER_MAX];
};

struct gw_pool {
	struct gw_pool_options o;
	struct gw_control_setup setup;
	unsigned n_clients;
	struct worker *workers;
	unsigned failures; /* starts that failed, in a row */
	uint64_t start_at; /* not before this time, after a failure */
	bool stopping;
};

enum gw_status gw_pool_new(const struct gw_pool_options *options, const struct gw_control_setup *setup,
	struct gw_pool **out, struct gw_error *err)
{
	struct gw_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	pool->o = *options;
	pool->setup = *setup;
	pool->setup.progress = options->progress != NULL;
	*out = pool;
	return GW_OK;
}

static long pid_of(const struct worker *w)
{
	return (long)w->process.pid;
}

static void close_control(struct worker *w)
{
	if (w->process.control >= 0)
		close(w->process.control);
	w->process.control = -1;
}

static void set_busy(struct worker *w, bool busy)
{
	if (busy && !w->busy)
		w->pool->n_clients++;
	if (!busy && w->busy)
		w->pool->n_clients--;
	if (!busy && w->busy && w->has_slot) {
		gw_progress_end(w->pool->o.progress, w->slot);
		gw_scoreboard_end(w->pool->o.board, w->slot);
	}
	w->busy = busy;
}

static void count(struct gw_pool *pool, enum gw_ext_count what)
{
	if (pool->o.board)
		gw_scoreboard_count(pool->o.board, what);
}

/* The client has not left by itself, or not cleanly. */
static void drop(struct worker *w)
{
	if (w->busy)
		count(w->pool, GW_COUNT_DROPPED);
	set_busy(w, false);
}

/* A worker was lost before it was of use: the next spare waits a while, and longer each time. */
static void back_off(struct gw_pool *pool)
{
	uint64_t wait = pool->failures < 5 ? UINT64_C(1) << pool->failures : RETRY_MAX_S;
	pool->failures++;
	pool->start_at = gw_clock_ns() + wait * NS_PER_S;
	gw_log_warn("the next spare worker is started in %u s", (unsigned)wait);
}

/* The worker does not do what it should. */
static void kill_worker(struct worker *w)
{
	drop(w);
	w->ending = true;
	close_control(w);
	kill(w->process.pid, SIGKILL);
	back_off(w->pool);
}

/* Of the workers that wait for a client two stay: one that has served before and so is quicker, and a fresh one. */
static void trim(struct gw_pool *pool)
{
	unsigned fresh = 0, used = 0;
	for (struct worker *w = pool->workers; w; w = w->next) {
		if (w->busy || w->ending || ++*(w->used ? &used : &fresh) <= 1)
			continue;
		w->ending = true;
		close_control(w);
	}
}

static void on_left(struct worker *w, const struct gw_error *why)
{
	if (why->status == GW_ERR_CLOSED)
		gw_log_info("client %s left worker %ld", w->client, pid_of(w));
	else
		gw_log_warn("client %s dropped by worker %ld: %s", w->client, pid_of(w), why->text);
	if (why->status == GW_ERR_CLOSED)
		set_busy(w, false);
	else
		drop(w);
	w->used = true;
	w->ending = why->status != GW_ERR_CLOSED;
	trim(w->pool);
}

static void on_failed(struct worker *w, const struct gw_error *why)
{
	gw_log_error("worker %ld cannot start: %s", pid_of(w), why->text);
	if (w->busy)
		gw_log_error("client %s is cut off", w->client);
	drop(w);
	w->ending = true;
	back_off(w->pool);
}

static void on_message(struct worker *w, const struct gw_control_msg *msg)
{
	if (msg->type == GW_CONTROL_READY && !w->ready) {
		w->ready = true;
		w->pool->failures = 0;
	} else if (msg->type == GW_CONTROL_LEFT && w->ready && w->busy) {
		on_left(w, &msg->u.error);
	} else if (msg->type == GW_CONTROL_LOADING && w->busy && w->has_slot) {
		gw_progress_begin(w->pool->o.progress, w->slot, w->client);
	} else if (msg->type == GW_CONTROL_FAILED && !w->ready && !w->ending) {
		on_failed(w, &msg->u.error);
	} else {
		gw_log_error("worker %ld sent a message out of order and is killed", pid_of(w));
		kill_worker(w);
	}
}

/* Reads the worker's messages. False when there are no more, for now or for ever. */
static bool read_message(struct worker *w)
{
	struct gw_control_msg msg;
	struct gw_error err;
	int fd = -1;
	if (w->process.control < 0)
		return false;
	enum gw_status status = gw_control_recv(w->process.control, false, &msg, &fd, &err);
	if (status == GW_ERR_TIMEOUT)
		return false;
	if (status == GW_ERR_CLOSED) {
		/* It is about to be reaped, which tells more. */
		close_control(w);
		return false;
	}
	if (fd >= 0)
		close(fd);
	if (status) {
		gw_log_error("worker %ld is killed: %s", pid_of(w), err.text);
		kill_worker(w);
		return false;
	}
	on_message(w, &msg);
	return true;
}

static void on_ready(struct gw_source *source)
{
	read_message((struct worker *)source);
}

static enum gw_status spawn(struct worker *w, struct gw_error *err)
{
	struct gw_pool *pool = w->pool;
	struct gw_scoreboard *board = pool->o.board;
	struct gw_control_setup *setup = &pool->setup;
	int fds[2];
	setup->has_board = w->has_slot = board && gw_scoreboard_take(board, &w->slot);
	if (!w->has_slot)
		return gw_process_spawn(setup, NULL, &w->process, err);
	setup->board_slot = w->slot;
	setup->board_slots = gw_scoreboard_slots(board);
	gw_scoreboard_fds(board, fds);
	enum gw_status status = gw_process_spawn(setup, fds, &w->process, err);
	if (status)
		gw_scoreboard_give_back(board, w->slot);
	return status;
}

static struct worker *start(struct gw_pool *pool)
{
	struct gw_error err;
	struct worker *w = calloc(1, sizeof(*w));
	if (!w) {
		gw_error_set(&err, GW_ERR_NOMEM, "cannot start a worker: out of memory");
		goto failed;
	}
	w->source.ready = on_ready;
	w->pool = pool;
	if (spawn(w, &err))
		goto free_worker;
	w->next = pool->workers;
	pool->workers = w;
	if (gw_events_add(pool->o.events, w->process.control, &w->source, &err)) {
		gw_log_error("cannot watch worker %ld: %s", pid_of(w), err.text);
		kill_worker(w);
		return NULL;
	}
	return w;
free_worker:
	free(w);
failed:
	gw_log_error("%s", err.text);
	back_off(pool);
	return NULL;
}

static bool may_start(const struct gw_pool *pool)
{
	return !pool->stopping && (pool->failures < FAILURES_MAX || gw_clock_ns() >= pool->start_at);
}

/* How welcome a worker is: has served, is ready, is starting; 0 if it cannot take a client. */
static int rank(const struct worker *w)
{
	return w->busy || w->ending || w->process.control < 0 ? 0 : 1 + w->ready + w->used;
}

static struct worker *best(const struct gw_pool *pool)
{
	struct worker *found = NULL;
	for (struct worker *w = pool->workers; w; w = w->next)
		if (rank(w) > (found ? rank(found) : 0))
			found = w;
	return found;
}

/* A worker without a client, a new one if need be; NULL if there is none to be had. */
static struct worker *take(struct gw_pool *pool)
{
	struct worker *w = best(pool);
	if (w || !may_start(pool))
		return w;
	return start(pool);
}

/* Before it serves, so that a client's first question finds itself there. */
static void announce(struct worker *w, const char *peer, const struct gw_endpoint *ep, const struct gw_dialect *dialect)
{
	char endpoint[GW_ENDPOINT_MAX + 16];
	if (!w->has_slot)
		return;
	gw_endpoint_format(ep, endpoint, sizeof(endpoint));
	gw_scoreboard_begin(w->pool->o.board, w->slot,
		&(struct gw_scoreboard_client){.address = peer,
			.endpoint = endpoint,
			.protocol = dialect->version,
			.is_unix = ep->kind->has_file});
}

static bool hand_over(struct worker *w, int fd, const struct gw_endpoint *ep, const struct gw_dialect *dialect)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_CLIENT, .u.client = dialect->version};
	struct gw_error err;
	char peer[PEER_MAX];
	gw_transport_peer_name(fd, peer, sizeof(peer));
	announce(w, peer, ep, dialect);
	if (!gw_control_send(w->process.control, false, &msg, fd, &err)) {
		memcpy(w->client, peer, sizeof(w->client));
		set_busy(w, true);
		count(w->pool, GW_COUNT_CONNECTIONS);
		gw_log_info("client %s connected, served by worker %ld", w->client, pid_of(w));
		return true;
	}
	/* It has died, most likely; what of is told when it is collected. */
	gw_log_warn("worker %ld takes no client: %s", pid_of(w), err.text);
	if (w->has_slot)
		gw_scoreboard_end(w->pool->o.board, w->slot);
	close_control(w);
	kill(w->process.pid, SIGKILL);
	return false;
}

void gw_pool_serve(struct gw_pool *pool, int fd, const struct gw_endpoint *ep, const struct gw_dialect *dialect)
{
	char peer[PEER_MAX];
	gw_transport_peer_name(fd, peer, sizeof(peer));
	if (pool->n_clients >= pool->o.max_clients) {
		count(pool, GW_COUNT_REFUSED);
		gw_log_warn("client %s refused: %u clients are served already", peer, pool->n_clients);
		close(fd);
		return;
	}
	struct worker *w;
	do
		w = take(pool);
	while (w && !hand_over(w, fd, ep, dialect));
	if (!w) {
		count(pool, GW_COUNT_REFUSED);
		gw_log_error("client %s refused: there is no worker", peer);
	}
	close(fd);
}

void gw_pool_look_at_memory(struct gw_pool *pool)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_MEMORY};
	const struct worker *w = best(pool);
	/* Without room for it, earlier such messages wait to be read. */
	if (w && w->ready)
		(void)gw_control_send(w->process.control, false, &msg, -1, NULL);
}

/* Says what a worker's end meant. */
static void conclude(struct worker *w, int status)
{
	struct gw_pool *pool = w->pool;
	if (pool->stopping)
		return;
	char how[64];
	gw_process_status_text(status, how, sizeof(how));
	if (w->ending)
		gw_log_debug("worker %ld ended: %s", pid_of(w), how);
	else if (w->busy)
		gw_log_error("worker %ld died of %s, client %s is cut off", pid_of(w), how, w->client);
	else
		gw_log_error("worker %ld died of %s", pid_of(w), how);
	if (!w->ending && (!w->ready || (!w->busy && !w->used)))
		back_off(pool);
}

void gw_pool_reap(struct gw_pool *pool)
{
	for (struct worker **link = &pool->workers; *link;) {
		struct worker *w = *link;
		int status;
		if (waitpid(w->process.pid, &status, WNOHANG) != w->process.pid) {
			link = &w->next;
			continue;
		}
		while (read_message(w))
			;
		conclude(w, status);
		drop(w);
		close_control(w);
		if (w->has_slot)
			gw_scoreboard_give_back(pool->o.board, w->slot);
		*link = w->next;
		free(w);
	}
}

/* Whether a worker has died that was not collected yet: only then it is known what that means. */
static bool is_bereaved(const struct gw_pool *pool)
{
	for (const struct worker *w = pool->workers; w; w = w->next)
		if (w->process.control < 0 && !w->ending)
			return true;
	return false;
}

static bool wants_spare(const struct gw_pool *pool)
{
	return !pool->stopping && pool->n_clients < pool->o.max_clients && !best(pool) && !is_bereaved(pool);
}

void gw_pool_keep_spare(struct gw_pool *pool)
{
	if (wants_spare(pool) && gw_clock_ns() >= pool->start_at)
		start(pool);
}

uint64_t gw_pool_deadline(const struct gw_pool *pool)
{
	return wants_spare(pool) ? pool->start_at : GW_EVENTS_NEVER;
}

void gw_pool_stop(struct gw_pool *pool, int signal)
{
	pool->stopping = true;
	for (struct worker *w = pool->workers; w; w = w->next)
		kill(w->process.pid, signal);
}

bool gw_pool_is_empty(const struct gw_pool *pool)
{
	return !pool->workers;
}

void gw_pool_free(struct gw_pool *pool)
{
	if (!pool)
		return;
	while (pool->workers) {
		struct worker *w = pool->workers;
		pool->workers = w->next;
		kill(w->process.pid, SIGKILL);
		close_control(w);
		free(w);
	}
	free(pool);
}
