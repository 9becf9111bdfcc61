/* One worker of a pool: its start, what it says, and its end. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_WORKER_H
#define GW_DAEMON_WORKERS_POOL_WORKER_H

#include "daemon/workers/pool_state.h"

/* Starts a worker; NULL if that fails, which is logged. */
struct gw_pool_worker *gw_pool_start(struct gw_pool *pool);

/* Takes what the worker has said before its end. Its process is not collected yet, so its number is still its own. */
void gw_pool_drain(struct gw_pool_worker *w);

/* The worker's process has ended, with a status from waitpid: says what that meant. */
void gw_pool_conclude(struct gw_pool_worker *w, int status);

#endif
