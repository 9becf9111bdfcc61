#include "daemon/workers/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/workers/client_slots.h"
#include "daemon/workers/pool_worker.h"

/* After this many failed starts in a row, clients are refused until the next attempt. */
#define FAILURES_MAX 3
/* While clients are connecting, no spare is started: the processors are busy enough. */
#define QUIET_NS UINT64_C(50000000)
/* Spares of a server whose devices have drivers. Each spare holds the memory that its drivers allocate. */
#define DRIVER_SPARES_MIN 1
#define DRIVER_SPARES_MAX 4
#define SPARES_MIN 2

enum gw_status gw_pool_new(const struct gw_pool_options *options, const struct gw_control_setup *setup,
	struct gw_pool **out, struct gw_error *err)
{
	struct gw_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	pool->o = *options;
	pool->setup = *setup;
	pool->setup.progress = options->progress != NULL;
	if (options->has_drivers)
		gw_spares_init(&pool->spares, DRIVER_SPARES_MIN, DRIVER_SPARES_MAX);
	else
		gw_spares_init(&pool->spares, SPARES_MIN, GW_POOL_SPARES_MAX);
	*out = pool;
	return GW_OK;
}

static bool may_start(const struct gw_pool *pool)
{
	return !pool->stopping && (pool->failures < FAILURES_MAX || gw_clock_ns() >= pool->start_at);
}

static bool is_idle(const struct gw_pool_worker *w)
{
	return !w->busy && !w->ending && w->process.control >= 0;
}

/* Ranks workers by how soon they can answer. */
static int rank(const struct gw_pool_worker *w)
{
	return !is_idle(w) ? 0 : 1 + w->ready + w->used;
}

/* The idle worker that can answer soonest, or NULL. */
static struct gw_pool_worker *best(const struct gw_pool *pool)
{
	struct gw_pool_worker *found = NULL;
	for (struct gw_pool_worker *w = pool->workers; w; w = w->next)
		if (rank(w) > (found ? rank(found) : 0))
			found = w;
	return found;
}

/* Counts idle workers: the ready ones and the starting ones. */
static void count_idle(const struct gw_pool *pool, unsigned *ready, unsigned *starting)
{
	*ready = *starting = 0;
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next)
		if (is_idle(w))
			++*(w->ready ? ready : starting);
}

/* An idle worker, newly started if necessary; NULL if that fails. */
static struct gw_pool_worker *take(struct gw_pool *pool)
{
	unsigned ready, starting;
	struct gw_pool_worker *w = best(pool);
	uint64_t now = gw_clock_ns();
	count_idle(pool, &ready, &starting);
	gw_spares_taken(&pool->spares, now, ready ? ready - 1 : 0, ready == 0);
	pool->quiet_at = now + QUIET_NS;
	if (w || !may_start(pool))
		return w;
	return gw_pool_start(pool);
}

/* Counted before it serves, so that a client's first query already shows the client itself. */
static void announce(struct gw_pool_worker *w, const struct gw_visitor *v)
{
	char endpoint[GW_ENDPOINT_MAX + 16];
	gw_endpoint_format(v->ep, endpoint, sizeof(endpoint));
	gw_scoreboard_begin(w->pool->o.board, w->slot,
		&(struct gw_scoreboard_client){.address = v->peer,
			.endpoint = endpoint,
			.protocol = v->terms.dialect->version,
			.is_unix = v->ep->kind->has_file,
			.is_tls = v->speaks_tls});
}

static void note_client(struct gw_pool_worker *w, const struct gw_visitor *v)
{
	memcpy(w->client, v->peer, sizeof(w->client));
	w->host = v->host;
	w->ep = *v->ep;
	w->since = gw_clock_ns();
	gw_pool_set_busy(w, true);
	gw_pool_count(w->pool, GW_COUNT_CONNECTIONS);
	w->told = false;
	if (w->tls)
		gw_log_debug("client %s begins with TLS, served by worker %ld", v->peer, (long)w->process.pid);
	else if (w->reserve)
		gw_log_debug("client %s may ask questions, served by worker %ld", v->peer, (long)w->process.pid);
	else
		gw_pool_tell_client(w);
}

static bool hand_over(struct gw_pool_worker *w, const struct gw_visitor *v, enum gw_refusal cause)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_CLIENT,
		.u.client = {.version = v->terms.dialect->version,
			.refused = gw_refusals_reason(w->pool->o.refusals, cause),
			.tls = v->speaks_tls}};
	char domain[GW_TRANSPORT_DOMAIN];
	struct gw_error err;
	bool shown = w->has_slot && !cause;
	w->cause = cause;
	w->reserve = cause != GW_REFUSED_NOT;
	w->tls = v->speaks_tls;
	w->needs_identity = v->needs_identity;
	w->status_only = v->status_only;
	w->login = GW_LOGIN_NONE;
	w->identity[0] = '\0';
	if (shown)
		announce(w, v);
	gw_keeper_domain(v->fd, "", domain);
	if (!cause && !w->tls)
		gw_pool_lend_cache(w, domain);
	if (!gw_control_send(w->process.control, false, &msg, v->fd, &err)) {
		note_client(w, v);
		return true;
	}
	/* It has most likely died; the cause is logged when it is reaped. */
	gw_log_warn("worker %ld takes no client: %s", (long)w->process.pid, err.text);
	if (shown)
		gw_scoreboard_end(w->pool->o.board, w->slot);
	gw_pool_close_control(w);
	kill(w->process.pid, SIGKILL);
	return false;
}

bool gw_pool_is_due(const struct gw_pool *pool, const struct gw_visitor *visitor)
{
	enum gw_refusal cause = gw_client_slots_judge(pool, visitor);
	return cause == GW_REFUSED_NOT || cause == GW_REFUSED_STATUS;
}

void gw_pool_serve(struct gw_pool *pool, const struct gw_visitor *v)
{
	enum gw_refusal cause = gw_client_slots_judge(pool, v);
	struct gw_pool_worker *w;
	if (cause == GW_REFUSED_SHAKING) {
		gw_refusals_end(pool->o.refusals, cause, v);
		return;
	}
	if (cause)
		gw_client_slots_make_room(pool, &v->host);
	do
		w = take(pool);
	while (w && !hand_over(w, v, cause));
	if (w)
		close(v->fd);
	else
		gw_refusals_end(pool->o.refusals, GW_REFUSED_WORKER, v);
}

bool gw_pool_link(struct gw_pool *pool, int fd, bool needs_tls, const uint8_t secret[GW_PEERS_SECRET])
{
	return gw_links_match(&pool->links, secret, needs_tls, fd);
}

void gw_pool_look_at_memory(struct gw_pool *pool)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_MEMORY};
	const struct gw_pool_worker *w = best(pool);
	/* If there is no room, earlier messages of this kind are still unread. */
	if (w && w->ready)
		(void)gw_control_send(w->process.control, false, &msg, -1, NULL);
}

void gw_pool_reap(struct gw_pool *pool)
{
	gw_pairings_reap(&pool->pairings);
	for (struct gw_pool_worker **link = &pool->workers; *link;) {
		struct gw_pool_worker *w = *link;
		int status = 0;
		siginfo_t ended = {0};
		if (waitid(P_PID, (id_t)w->process.pid, &ended, WEXITED | WNOHANG | WNOWAIT) || !ended.si_pid) {
			link = &w->next;
			continue;
		}
		gw_pool_drain(w);
		waitpid(w->process.pid, &status, 0);
		gw_pool_conclude(w, status);
		*link = w->next;
		free(w);
	}
}

/* Whether a worker has died but was not reaped yet. Its exit status says whether starting another is useful. */
static bool is_bereaved(const struct gw_pool *pool)
{
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next)
		if (w->process.control < 0 && !w->ending)
			return true;
	return false;
}

static void end_one(struct gw_pool *pool)
{
	struct gw_pool_worker *w = best(pool);
	if (!w)
		return;
	gw_pool_retire(w);
	gw_pool_close_control(w);
}

/* When to start the next spare; GW_CLOCK_NEVER if there are enough. Only the first is urgent. */
static uint64_t next_start(struct gw_pool *pool, uint64_t now)
{
	unsigned ready, starting, wanted = gw_spares_wanted(&pool->spares, now);
	count_idle(pool, &ready, &starting);
	/* A full server still answers queries. */
	if (pool->n_clients >= pool->o.max_clients && wanted > 1)
		wanted = 1;
	if (pool->stopping || ready + starting >= wanted || is_bereaved(pool))
		return GW_CLOCK_NEVER;
	if (ready + starting == 0)
		return pool->start_at;
	if (starting > 0)
		return GW_CLOCK_NEVER;
	return pool->quiet_at > pool->start_at ? pool->quiet_at : pool->start_at;
}

static void kill_late(struct gw_pool *pool, uint64_t now)
{
	for (struct gw_pool_worker *w = pool->workers; w; w = w->next) {
		if (now < w->kill_at)
			continue;
		gw_log_warn("worker %ld does not end and is killed", (long)w->process.pid);
		kill(w->process.pid, SIGKILL);
		w->kill_at = UINT64_MAX;
	}
}

void gw_pool_tick(struct gw_pool *pool)
{
	uint64_t now = gw_clock_ns();
	unsigned ready, starting;
	kill_late(pool, now);
	gw_links_tick(&pool->links);
	gw_briefs_tick(&pool->briefs);
	count_idle(pool, &ready, &starting);
	if (ready > gw_spares_wanted(&pool->spares, now))
		end_one(pool);
	if (next_start(pool, now) <= now)
		gw_pool_start(pool);
}

uint64_t gw_pool_deadline(struct gw_pool *pool)
{
	uint64_t now = gw_clock_ns(), at = next_start(pool, now);
	unsigned ready, starting;
	count_idle(pool, &ready, &starting);
	if (ready > gw_spares_wanted(&pool->spares, now))
		return now;
	if (pool->spares.review_at < at)
		at = pool->spares.review_at;
	if (gw_links_deadline(&pool->links) < at)
		at = gw_links_deadline(&pool->links);
	if (gw_briefs_deadline(&pool->briefs) < at)
		at = gw_briefs_deadline(&pool->briefs);
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next)
		if (w->kill_at < at)
			at = w->kill_at;
	return at;
}

void gw_pool_stop(struct gw_pool *pool, int signal)
{
	pool->stopping = true;
	gw_pairings_stop(&pool->pairings);
	gw_links_stop(&pool->links);
	for (struct gw_pool_worker *w = pool->workers; w; w = w->next)
		kill(w->process.pid, signal);
}

bool gw_pool_is_empty(const struct gw_pool *pool)
{
	return !pool->workers;
}

bool gw_pool_is_busy(const struct gw_pool *pool)
{
	return pool->n_clients > 0;
}

void gw_pool_free(struct gw_pool *pool)
{
	if (!pool)
		return;
	while (pool->workers) {
		struct gw_pool_worker *w = pool->workers;
		pool->workers = w->next;
		kill(w->process.pid, SIGKILL);
		gw_pool_close_control(w);
		free(w);
	}
	gw_pairings_stop(&pool->pairings);
	gw_links_stop(&pool->links);
	gw_briefs_flush(&pool->briefs);
	free(pool);
}
