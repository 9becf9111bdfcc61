/* How a client with TLS shows whose key it has. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_LOGIN_H
#define GW_DAEMON_WORKERS_POOL_LOGIN_H

#include "daemon/workers/pool_state.h"

/* The worker asks for the key of an identity; its client has proved to have it. False: that is out of order. */
bool gw_pool_on_named(struct gw_pool_worker *w, const char *identity);
bool gw_pool_on_proved(struct gw_pool_worker *w);

#endif
