/* Authentication of a TLS client, the supervisor's side. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_LOGIN_H
#define GW_DAEMON_WORKERS_POOL_LOGIN_H

#include "daemon/workers/pool_state.h"

/* Messages from the worker: it requests the key of an identity; its client has proved that it has this key. False: the
 * message is not allowed now. */
bool gw_pool_on_named(struct gw_pool_worker *w, const char *identity);
bool gw_pool_on_proved(struct gw_pool_worker *w);

#endif
