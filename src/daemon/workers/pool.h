/* The worker processes: one for each client, and some that wait for the next ones. A worker whose client has done more
 * than ask questions about the server never gets another. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_POOL_H
#define GW_DAEMON_WORKERS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/visitor.h"
#include "daemon/processes/control.h"
#include "daemon/workers/pool_options.h"
#include "wire/peers.h"

/* Workers without a client that a pool keeps at most: daemon/workers/spares.h. */
#define GW_POOL_SPARES_MAX 16

struct gw_pool;

/* Makes a pool; setup is copied. Starts no process yet. */
enum gw_status gw_pool_new(const struct gw_pool_options *options, const struct gw_control_setup *setup,
	struct gw_pool **out, struct gw_error *err);

/* Frees the pool. Processes that still run are killed, and not waited for: a driver may hold them for any time. */
void gw_pool_free(struct gw_pool *pool);

/* Whether another client like this would have a place. */
bool gw_pool_has_place(const struct gw_pool *pool, const struct gw_visitor *visitor);

/* Hands a connection to a worker, or closes it if none can be had. Where there is no place for its client, this may
 * still ask questions about the server, and is refused when it wants more. The visitor's descriptor is the pool's. */
void gw_pool_serve(struct gw_pool *pool, const struct gw_visitor *visitor);

/* Passes a connection to the worker that expects who presents this secret; fd stays the caller's. False: none does. */
bool gw_pool_link(struct gw_pool *pool, int fd, const uint8_t secret[GW_PEERS_SECRET]);

/* Has a worker that waits for a client look at the devices' memory, and tell the board. Does not wait for it. Only CPUs
 * are looked at: a waiting worker holds no other device. */
void gw_pool_look_at_memory(struct gw_pool *pool);

/* Collects processes that ended and says what that meant. To be called after SIGCHLD, not from within a source. */
void gw_pool_reap(struct gw_pool *pool);

/* Starts a worker if spares are missing, unless starting has just failed or clients are just coming; ends one if there
 * are too many; kills those that should have ended. To be called before each wait. */
void gw_pool_tick(struct gw_pool *pool);

/* When gw_pool_tick wants to be called next even if nothing happens, in gw_clock_ns. */
uint64_t gw_pool_deadline(struct gw_pool *pool);

/* Sends a signal to all workers; from then on none is started, and their ends are nothing to speak of. */
void gw_pool_stop(struct gw_pool *pool, int signal);
bool gw_pool_is_empty(const struct gw_pool *pool);

/* Whether a client is connected. */
bool gw_pool_is_busy(const struct gw_pool *pool);

#endif
