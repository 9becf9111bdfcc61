/* What a pool of workers is given. */
#ifndef GW_DAEMON_WORKERS_POOL_OPTIONS_H
#define GW_DAEMON_WORKERS_POOL_OPTIONS_H

#include <stdbool.h>

#include "daemon/clients/allow.h"
#include "daemon/clients/key_ring.h"
#include "daemon/status/progress.h"
#include "daemon/status/scoreboard.h"
#include "daemon/workers/keeper.h"
#include "daemon/workers/refusals.h"

/* What a pool works with; lent, as long as it lives. */
struct gw_pool_options {
	int events; /* where the workers' control sockets are watched (base/events.h) */
	unsigned max_clients;
	unsigned max_per_host;        /* of them from one host */
	struct gw_refusals *refusals; /* where those are told of that were turned away */
	bool has_drivers;             /* of the devices: fewer spares, since each holds memory for them */
	struct gw_scoreboard *board;  /* where workers count; NULL = nowhere */
	struct gw_progress *progress; /* what shows loads; NULL = nothing does */
	struct gw_keeper *keeper;     /* of the cache; NULL = there is none */
	struct gw_key_ring *keys;     /* of clients; NULL = there are none */
	const struct gw_allow *allow; /* whose keys let in who has no address to come from; which servers
				       * workers are connected to */
};

#endif
