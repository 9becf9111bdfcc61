/* Enforces --max-clients and --max-clients-per-host, and manages the reserve slots for clients that may only query. */
#ifndef GW_DAEMON_WORKERS_CLIENT_SLOTS_H
#define GW_DAEMON_WORKERS_CLIENT_SLOTS_H

#include "daemon/workers/pool_state.h"

/* The reason why a client gets no slot, or GW_REFUSED_NOT if it gets one. */
enum gw_refusal gw_client_slots_judge(const struct gw_pool *pool, const struct gw_visitor *v);

/* The reason why one more client with this identity (or, if that is "", from this host) gets no slot. */
enum gw_refusal gw_client_slots_crowd(const struct gw_pool *pool, const struct gw_host *host, const char *identity);

/* Makes room in the reserve slots for a client from this host, so that a full server can always be queried. If all
 * reserve slots are taken, one client loses its slot: the oldest one of the same host if that host already has its
 * share, otherwise the oldest one of the host that has most. */
void gw_client_slots_make_room(struct gw_pool *pool, const struct gw_host *host);

#endif
