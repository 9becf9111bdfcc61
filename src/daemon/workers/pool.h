/* The worker processes: one for each client, plus spares. A worker whose client has done more than query the server
 * never gets another client. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_POOL_H
#define GW_DAEMON_WORKERS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/visitor.h"
#include "daemon/processes/control.h"
#include "daemon/workers/pool_options.h"
#include "wire/peers.h"

/* The most idle workers that a pool keeps: daemon/workers/spares.h. */
#define GW_POOL_SPARES_MAX 16

struct gw_pool;

/* Makes a pool; setup is copied. Starts no process yet. */
enum gw_status gw_pool_new(const struct gw_pool_options *options, const struct gw_control_setup *setup,
	struct gw_pool **out, struct gw_error *err);

/* Frees the pool. Kills the processes that still run, without waiting for them, because a driver can delay their exit
 * indefinitely. */
void gw_pool_free(struct gw_pool *pool);

/* Whether gw_pool_serve should be called now: the client has a slot, or waiting cannot give it one. */
bool gw_pool_is_due(const struct gw_pool *pool, const struct gw_visitor *visitor);

/* Hands a connection to a worker, or closes it if no worker can be started. A client that gets no slot may still query
 * the server, and is refused when it asks for more. The pool takes ownership of the visitor's descriptor. */
void gw_pool_serve(struct gw_pool *pool, const struct gw_visitor *visitor);

/* gw_links_match. */
bool gw_pool_link(struct gw_pool *pool, int fd, bool needs_tls, const uint8_t secret[GW_PEERS_SECRET]);

/* Makes an idle worker read the devices' free memory and write it to the scoreboard, without waiting for it. Only CPUs
 * are read: an idle worker has no other device open. */
void gw_pool_look_at_memory(struct gw_pool *pool);

/* Reaps processes that have ended and logs why. To be called after SIGCHLD, not from within an event handler. */
void gw_pool_reap(struct gw_pool *pool);

/* Starts a worker if there are too few spares, unless a start has just failed or clients are connecting. Ends a worker
 * if there are too many, and kills those that should have exited by now. To be called before each wait. */
void gw_pool_tick(struct gw_pool *pool);

/* When to call gw_pool_tick next, in gw_clock_ns. */
uint64_t gw_pool_deadline(struct gw_pool *pool);

/* Sends a signal to all workers. From then on the pool starts no worker, and does not log their exits. */
void gw_pool_stop(struct gw_pool *pool, int signal);
bool gw_pool_is_empty(const struct gw_pool *pool);

/* Whether a client is connected. */
bool gw_pool_is_busy(const struct gw_pool *pool);

#endif
