#include "daemon/workers/pool_worker.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/workers/pool_login.h"

#define RETRY_MAX_S 30
/* A worker sends a few messages for each client, and one for every 64 MiB that the client loads. */
#define MESSAGES_PER_S 1000

static long pid_of(const struct gw_pool_worker *w)
{
	return (long)w->process.pid;
}

/* The client did not disconnect cleanly. */
static void drop(struct gw_pool_worker *w)
{
	if (w->busy)
		gw_pool_count(w->pool, GW_COUNT_DROPPED);
	gw_pool_set_busy(w, false);
}

/* A worker ended before it served anyone: delay the next start, longer each time. */
static void back_off(struct gw_pool *pool)
{
	uint64_t wait = pool->failures < 5 ? UINT64_C(1) << pool->failures : RETRY_MAX_S;
	pool->failures++;
	pool->start_at = gw_clock_ns() + wait * GW_NS_PER_S;
	gw_log_warn("the next spare worker is started in %u s", (unsigned)wait);
}

/* The worker broke the rules of the control channel. */
static void kill_worker(struct gw_pool_worker *w)
{
	drop(w);
	gw_pool_retire(w);
	gw_pool_close_control(w);
	kill(w->process.pid, SIGKILL);
	back_off(w->pool);
}

/* The client disconnected before it had authenticated. */
static bool is_stranger(const struct gw_pool_worker *w)
{
	return w->tls && w->login != GW_LOGIN_PROVED;
}

static void on_left(struct gw_pool_worker *w, const struct gw_control_left *left)
{
	char name[GW_ENDPOINT_MAX];
	struct gw_log_fields fields = gw_pool_fields(w, NULL, name);
	if (is_stranger(w)) {
		gw_refusals_note_why(w->pool->o.refusals, GW_REFUSED_KEY, w->client, left->why.text);
		gw_pool_set_busy(w, false);
	} else if (left->why.status == GW_ERR_CLOSED) {
		gw_log_event(w->worked ? GW_LOG_INFO : GW_LOG_DEBUG, &fields, "client %s left worker %ld", w->client,
			pid_of(w));
		if (!w->told)
			gw_briefs_add(&w->pool->briefs, &w->host, w->client);
		gw_pool_set_busy(w, false);
	} else if (w->reserve && left->why.status == GW_ERR_LIMIT) {
		gw_refusals_note(w->pool->o.refusals, w->cause, w->client);
		gw_pool_set_busy(w, false);
	} else {
		fields.reason = left->why.text;
		gw_log_event(w->pool->stopping ? GW_LOG_INFO : GW_LOG_WARN, &fields,
			"client %s dropped by worker %ld: %s", w->client, pid_of(w), left->why.text);
		drop(w);
	}
	gw_pairings_drop(&w->pool->pairings, w);
	gw_links_drop(&w->pool->links, w);
	w->used = true;
	/* The supervisor's own knowledge of the client takes precedence over the worker's word. */
	if (!left->stays || w->tls || w->worked)
		gw_pool_retire(w);
}

/* Its client does more than make queries. */
static void on_works(struct gw_pool_worker *w)
{
	w->worked = true;
	gw_pool_tell_client(w);
}

static void on_failed(struct gw_pool_worker *w, const struct gw_error *why)
{
	gw_log_error("worker %ld cannot start: %s", pid_of(w), why->text);
	if (w->busy)
		gw_log_error("client %s is cut off", w->client);
	drop(w);
	gw_pool_retire(w);
	back_off(w->pool);
}

/* Handles messages about authentication. False: the message is another one, or is not allowed now. */
static bool on_login(struct gw_pool_worker *w, const struct gw_control_msg *msg)
{
	if (!w->busy)
		return false;
	if (msg->type == GW_CONTROL_NAMED)
		return gw_pool_on_named(w, msg->u.identity);
	return msg->type == GW_CONTROL_PROVED && gw_pool_on_proved(w);
}

/* Rate limit: one request a second, with bursts of this length. */
#define PAIRS_AHEAD 16

static bool is_pairing_too_much(struct gw_pool_worker *w)
{
	uint64_t now = gw_clock_ns();
	if (w->pair_at > now + PAIRS_AHEAD * GW_NS_PER_S)
		return true;
	w->pair_at = (w->pair_at > now ? w->pair_at : now) + GW_NS_PER_S;
	return false;
}

static enum gw_status start_pairing(
	struct gw_pool_worker *w, const struct gw_pairing *pairing, int *answer, struct gw_error *err)
{
	const struct gw_control_setup *setup = &w->pool->setup;
	struct gw_control_pair_setup ask = {
		.sandbox = setup->sandbox,
		.has_log_level = setup->has_log_level,
		.log_level = setup->log_level,
		.log_format = setup->log_format,
		.pairing = *pairing,
		.allow = *w->pool->o.allow,
	};
	if (w->tls && !pairing->links)
		return gw_error_set(err, GW_ERR_UNSUPPORTED,
			"the client uses TLS, and the stock protocol's connection between servers does not");
	if (pairing->links && pairing->listens) {
		const uint8_t *secret = gw_peers_first_decode(pairing->first);
		return secret ? gw_links_expect(&w->pool->links, w, w->tls, secret, answer, err)
			      : gw_error_set(err, GW_ERR_PROTOCOL, "not the first message of a link");
	}
	if (is_pairing_too_much(w))
		return gw_error_set(err, GW_ERR_LIMIT, "this client has asked too often");
	enum gw_status status = gw_pairing_rules_init(&w->ep, w->client, &ask.rules, err);
	return status ? status : gw_pairings_start(&w->pool->pairings, w, &ask, answer, err);
}

/* The worker waits for the answer, so there is room for it unless the worker breaks the rules. */
static void on_pair(struct gw_pool_worker *w, const struct gw_pairing *pairing)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_PAIRING};
	int answer = -1;
	if (start_pairing(w, pairing, &answer, &msg.u.error))
		msg.type = GW_CONTROL_FAILED;
	if (gw_control_send(w->process.control, false, &msg, answer, NULL))
		kill_worker(w);
	if (answer >= 0)
		close(answer);
}

static void on_message(struct gw_pool_worker *w, const struct gw_control_msg *msg)
{
	if (msg->type == GW_CONTROL_READY && !w->ready) {
		w->ready = true;
		w->pool->failures = 0;
	} else if (msg->type == GW_CONTROL_LEFT && w->ready && w->busy) {
		on_left(w, &msg->u.left);
	} else if (msg->type == GW_CONTROL_WORKS && w->busy && !w->reserve && !is_stranger(w)) {
		on_works(w);
	} else if (msg->type == GW_CONTROL_LOADING && w->busy) {
		on_works(w);
		if (w->has_slot)
			gw_progress_begin(w->pool->o.progress, w->slot, w->client);
	} else if (msg->type == GW_CONTROL_PAIR && w->busy && !w->reserve && !w->pool->setup.no_peers) {
		on_works(w);
		on_pair(w, &msg->u.pair);
	} else if (msg->type == GW_CONTROL_FAILED && !w->ready && !w->ending) {
		on_failed(w, &msg->u.error);
	} else if (!on_login(w, msg)) {
		gw_log_error("worker %ld sent a message out of order and is killed", pid_of(w));
		kill_worker(w);
	}
}

/* Whether the worker has sent more messages within a second than any honest worker would. */
static bool is_flooding(struct gw_pool_worker *w)
{
	uint64_t now = gw_clock_ns();
	if (now - w->second_at >= GW_NS_PER_S) {
		w->second_at = now;
		w->messages = 0;
	}
	return ++w->messages > MESSAGES_PER_S;
}

/* Reads one message. Returns false if none has arrived, or if the worker has closed the socket. */
static bool read_message(struct gw_pool_worker *w)
{
	struct gw_control_msg msg;
	struct gw_error err;
	if (w->process.control < 0)
		return false;
	enum gw_status status = gw_control_recv(w->process.control, false, &msg, NULL, &err);
	if (status == GW_ERR_TIMEOUT)
		return false;
	if (status == GW_ERR_CLOSED) {
		/* It will be reaped soon, and its exit status says more. */
		gw_pool_close_control(w);
		return false;
	}
	if (!status && is_flooding(w))
		status = gw_error_set(&err, GW_ERR_LIMIT, "more than %d messages in a second", MESSAGES_PER_S);
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
	read_message((struct gw_pool_worker *)source);
}

static enum gw_status spawn(struct gw_pool_worker *w, struct gw_error *err)
{
	struct gw_pool *pool = w->pool;
	struct gw_scoreboard *board = pool->o.board;
	struct gw_control_setup *setup = &pool->setup;
	int fds[2];
	setup->has_board = w->has_slot = board && gw_scoreboard_take(board, &w->slot);
	if (!w->has_slot)
		return gw_process_spawn_worker(setup, NULL, 0, &w->process, err);
	setup->board_slot = w->slot;
	setup->board_slots = gw_scoreboard_slots(board);
	gw_scoreboard_fds(board, fds);
	enum gw_status status = gw_process_spawn_worker(setup, fds, 2, &w->process, err);
	if (status)
		gw_scoreboard_give_back(board, w->slot);
	return status;
}

struct gw_pool_worker *gw_pool_start(struct gw_pool *pool)
{
	struct gw_error err;
	struct gw_pool_worker *w = calloc(1, sizeof(*w));
	if (!w) {
		gw_error_set(&err, GW_ERR_NOMEM, "cannot start a worker: out of memory");
		goto failed;
	}
	w->source.ready = on_ready;
	w->pool = pool;
	w->kill_at = UINT64_MAX;
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

static void tell_end(const struct gw_pool_worker *w, int status)
{
	char how[64], name[GW_ENDPOINT_MAX];
	gw_process_status_text(status, how, sizeof(how));
	const struct gw_log_fields fields = gw_pool_fields(w, how, name);
	if (w->ending)
		gw_log_debug("worker %ld ended: %s", pid_of(w), how);
	else if (w->busy)
		gw_log_event(GW_LOG_ERROR, &fields, "worker %ld died of %s, client %s is cut off", pid_of(w), how,
			w->client);
	else
		gw_log_error("worker %ld died of %s", pid_of(w), how);
}

void gw_pool_drain(struct gw_pool_worker *w)
{
	while (read_message(w))
		;
}

void gw_pool_conclude(struct gw_pool_worker *w, int status)
{
	struct gw_pool *pool = w->pool;
	gw_pairings_drop(&pool->pairings, w);
	gw_links_drop(&pool->links, w);
	if (!pool->stopping) {
		tell_end(w, status);
		if (!w->ending && !(w->ready && w->busy))
			back_off(pool);
	}
	drop(w);
	gw_pool_close_control(w);
	if (w->has_slot)
		gw_scoreboard_give_back(pool->o.board, w->slot);
}
