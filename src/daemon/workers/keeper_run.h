/* The keeper's process. */
#ifndef GW_DAEMON_WORKERS_KEEPER_RUN_H
#define GW_DAEMON_WORKERS_KEEPER_RUN_H

#include "daemon/processes/control.h"

/* Opens the cache, sandboxes this process, and serves workers on the sockets that the supervisor sends, until the
 * control socket is closed. Returns the exit status. */
int gw_keeper_run(const struct gw_control_setup *setup);

#endif
