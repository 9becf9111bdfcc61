#include "daemon/workers/pool_state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Time that a worker has to exit before it is killed. Drivers need some; a compromised worker might never exit. */
#define EXIT_NS (3 * GW_NS_PER_S)

/* The process is expected to end soon. */
static void set_kill_time(struct gw_pool_worker *w)
{
	uint64_t at = gw_clock_ns() + EXIT_NS;
	if (at < w->kill_at)
		w->kill_at = at;
}

void gw_pool_retire(struct gw_pool_worker *w)
{
	w->ending = true;
	set_kill_time(w);
}

void gw_pool_close_control(struct gw_pool_worker *w)
{
	if (w->process.control < 0)
		return;
	close(w->process.control);
	w->process.control = -1;
	set_kill_time(w);
}

void gw_pool_set_busy(struct gw_pool_worker *w, bool busy)
{
	if (busy == w->busy)
		return;
	w->busy = busy;
	/* A client in a reserve slot is neither counted nor shown among the others. */
	if (w->reserve)
		return;
	if (busy)
		w->pool->n_clients++;
	else
		w->pool->n_clients--;
	if (!busy && w->has_slot) {
		gw_progress_end(w->pool->o.progress, w->slot);
		gw_scoreboard_end(w->pool->o.board, w->slot);
	}
}

void gw_pool_count(struct gw_pool *pool, enum gw_ext_count what)
{
	if (pool->o.board)
		gw_scoreboard_count(pool->o.board, what);
}

void gw_pool_lend_cache(struct gw_pool_worker *w, const char *domain)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_CACHE};
	int cache = gw_keeper_open(w->pool->o.keeper, domain);
	if (cache < 0)
		return;
	(void)gw_control_send(w->process.control, false, &msg, cache, NULL);
	close(cache);
}

void gw_pool_tell_client(struct gw_pool_worker *w)
{
	char name[GW_ENDPOINT_MAX], before[64] = "";
	unsigned n;
	if (w->told || (!w->worked && !gw_log_enabled(GW_LOG_DEBUG)))
		return;
	w->told = true;
	if (w->worked && (n = gw_briefs_take(&w->pool->briefs, &w->host)) > 0)
		snprintf(before, sizeof(before), ", after %u connection%s with queries only", n, n == 1 ? "" : "s");
	const struct gw_log_fields fields = gw_pool_fields(w, NULL, name);
	gw_log_event(w->worked ? GW_LOG_INFO : GW_LOG_DEBUG, &fields, "client %s connected%s, served by worker %ld%s",
		w->client, w->tls ? " with TLS" : "", fields.worker, before);
}

struct gw_log_fields gw_pool_fields(const struct gw_pool_worker *w, const char *reason, char name[GW_ENDPOINT_MAX])
{
	struct gw_log_fields fields = {.reason = reason, .worker = (long)w->process.pid};
	if (!w->ep.kind)
		return fields; /* it has never had a client */
	gw_endpoint_format(&w->ep, name, GW_ENDPOINT_MAX);
	fields.client = w->client;
	fields.endpoint = name;
	return fields;
}
