/* Connections of workers to other servers. A worker can neither look up names nor make sockets, and the supervisor does
 * not wait for strangers; so a process of its own, which ends in seconds, makes each connection and hands it to the
 * worker. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_PAIRINGS_H
#define GW_DAEMON_WORKERS_PAIRINGS_H

#include "base/status.h"
#include "daemon/processes/control.h"

struct gw_pairing_process;

/* All-zero is valid. */
struct gw_pairings {
	struct gw_pairing_process *first;
};

/* Starts a process for a worker, in place of those that it has. *answer is a socket, the caller's, on which the worker
 * receives PAIRED or FAILED. GW_ERR_LIMIT: all workers together have too many. */
enum gw_status gw_pairings_start(struct gw_pairings *p, const void *worker, const struct gw_control_pair_setup *setup,
	int *answer, struct gw_error *err);

/* Kills a worker's processes: nobody waits for them. */
void gw_pairings_drop(struct gw_pairings *p, const void *worker);

/* Collects processes that have ended. */
void gw_pairings_reap(struct gw_pairings *p);

/* Kills all, and waits for none. */
void gw_pairings_stop(struct gw_pairings *p);

#endif
