#include "daemon/workers/client_slots.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"

/* Reserve slots, in addition to --max-clients, for clients that may only query a full server (`ggwire status`). */
#define RESERVE_MAX 4
#define RESERVE_PER_HOST 2
/* Clients that have not authenticated yet. Each occupies a worker for at most GW_TLS_HANDSHAKE_MS. */
#define HANDSHAKES_MAX 16
#define HANDSHAKES_PER_HOST 8

/* Authenticated clients count against their identity, all others against their host. */
static bool is_of(const struct gw_pool_worker *w, const struct gw_host *host, const char *identity)
{
	if (identity[0])
		return w->login == GW_LOGIN_PROVED && strcmp(w->identity, identity) == 0;
	return w->login != GW_LOGIN_PROVED && gw_host_is_same(&w->host, host);
}

enum gw_refusal gw_client_slots_crowd(const struct gw_pool *pool, const struct gw_host *host, const char *identity)
{
	unsigned n = 0;
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next)
		n += w->busy && !w->reserve && is_of(w, host, identity);
	if (n < pool->o.max_per_host)
		return GW_REFUSED_NOT;
	return identity[0] ? GW_REFUSED_NAME : GW_REFUSED_HOST;
}

/* Handshakes cost processor time, and anyone can start one. */
static bool may_shake_hands(const struct gw_pool *pool, const struct gw_host *host)
{
	unsigned all = 0, same = 0;
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next) {
		bool is_shaking = w->busy && w->tls && w->login != GW_LOGIN_PROVED;
		all += is_shaking;
		same += is_shaking && gw_host_is_same(&w->host, host);
	}
	return all < HANDSHAKES_MAX && same < HANDSHAKES_PER_HOST;
}

enum gw_refusal gw_client_slots_judge(const struct gw_pool *pool, const struct gw_visitor *v)
{
	if (v->speaks_tls && !may_shake_hands(pool, &v->host))
		return GW_REFUSED_SHAKING;
	if (v->status_only && !(v->speaks_tls && v->needs_identity))
		return GW_REFUSED_STATUS;
	if (pool->n_clients >= pool->o.max_clients)
		return GW_REFUSED_FULL;
	return gw_client_slots_crowd(pool, &v->host, "");
}

void gw_client_slots_make_room(struct gw_pool *pool, const struct gw_host *host)
{
	struct gw_pool_worker *found[RESERVE_MAX], *oldest = NULL;
	struct gw_host_arrival crowd[RESERVE_MAX];
	unsigned n = 0, same = 0;
	for (struct gw_pool_worker *w = pool->workers; w && n < RESERVE_MAX; w = w->next) {
		if (!w->busy || !w->reserve)
			continue;
		found[n] = w;
		crowd[n++] = (struct gw_host_arrival){w->host, w->since};
		if (!gw_host_is_same(&w->host, host))
			continue;
		same++;
		if (!oldest || w->since < oldest->since)
			oldest = w;
	}
	if (same < RESERVE_PER_HOST && n < RESERVE_MAX)
		return;
	struct gw_pool_worker *w = same >= RESERVE_PER_HOST ? oldest : found[gw_host_yields(crowd, n)];
	gw_log_debug("client %s gives way to another one's questions", w->client);
	gw_pool_set_busy(w, false);
	gw_pool_retire(w);
	gw_pool_close_control(w);
	kill(w->process.pid, SIGKILL);
}
