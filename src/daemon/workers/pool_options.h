/* Options of a pool of workers. */
#ifndef GW_DAEMON_WORKERS_POOL_OPTIONS_H
#define GW_DAEMON_WORKERS_POOL_OPTIONS_H

#include <stdbool.h>

#include "daemon/clients/allow.h"
#include "daemon/clients/key_ring.h"
#include "daemon/status/progress.h"
#include "daemon/status/scoreboard.h"
#include "daemon/workers/keeper.h"
#include "daemon/workers/refusals.h"

/* Objects that a pool uses. They must outlive it. */
struct gw_pool_options {
	int events; /* where the workers' control sockets are watched (base/events.h) */
	unsigned max_clients;
	unsigned max_per_host;        /* of them from one host */
	struct gw_refusals *refusals; /* where refused clients are reported */
	bool has_drivers; /* the devices have drivers: keep fewer spares, because each holds memory for them */
	struct gw_scoreboard *board;  /* scoreboard in which workers count; NULL = none */
	struct gw_progress *progress; /* progress display of loads; NULL = none */
	struct gw_keeper *keeper;     /* NULL = there is no cache */
	struct gw_key_ring *keys;     /* keys of clients; NULL = there are none */
	const struct gw_allow *allow; /* whose keys let in who has no address to come from; which servers
				       * workers are connected to */
};

#endif
