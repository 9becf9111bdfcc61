/* One worker of a pool: its start, its messages, its exit. Private to the pool. */
#ifndef GW_DAEMON_WORKERS_POOL_WORKER_H
#define GW_DAEMON_WORKERS_POOL_WORKER_H

#include "daemon/workers/pool_state.h"

/* Starts a worker; NULL if that fails, which is logged. */
struct gw_pool_worker *gw_pool_start(struct gw_pool *pool);

/* Handles the messages that are left from a worker that has exited. It must not be reaped yet, so that its pid is still
 * its own. */
void gw_pool_drain(struct gw_pool_worker *w);

/* The worker's process has ended with this status from waitpid: logs why, and frees its slot. */
void gw_pool_conclude(struct gw_pool_worker *w, int status);

#endif
