/* Who may be served: --max-clients, --max-clients-per-host, and the places for clients that may only ask questions. */
#ifndef GW_DAEMON_WORKERS_PLACES_H
#define GW_DAEMON_WORKERS_PLACES_H

#include "daemon/workers/pool_state.h"

/* Why there is no place for a client; GW_REFUSED_NOT if there is one. */
enum gw_refusal gw_places_judge(const struct gw_pool *pool, const struct gw_visitor *v);

/* Why one more client with that identity, from that host where it has none (""), has no place. */
enum gw_refusal gw_places_crowd(const struct gw_pool *pool, const struct gw_host *host, const char *identity);

/* Makes room for a client from there that may only ask questions, so that an answer can always be had. Where all of
 * these places are taken, one gives way: the oldest client of the same host if that has its share of them, else the
 * oldest of the host that has most. */
void gw_places_make_room(struct gw_pool *pool, const struct gw_host *host);

#endif
