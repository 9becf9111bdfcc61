#include "daemon/workers/places.h"

#include <signal.h>

#include "base/log.h"

/* Places for clients that may only ask questions, beside --max-clients: for `ggwire status` of a server that is full.
 */
#define RESERVE_MAX 4
#define RESERVE_PER_HOST 2

enum gw_refusal gw_places_judge(const struct gw_pool *pool, const struct gw_host *host)
{
	unsigned n = 0;
	if (pool->n_clients >= pool->o.max_clients)
		return GW_REFUSED_FULL;
	for (const struct gw_pool_worker *w = pool->workers; w; w = w->next)
		n += w->busy && !w->reserve && gw_host_is_same(&w->host, host);
	return n >= pool->o.max_per_host ? GW_REFUSED_HOST : GW_REFUSED_NOT;
}

void gw_places_make_room(struct gw_pool *pool, const struct gw_host *host)
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
