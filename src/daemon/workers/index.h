/* The process that indexes the models of --model, beside the workers. */
#ifndef GW_DAEMON_WORKERS_INDEX_H
#define GW_DAEMON_WORKERS_INDEX_H

#include "daemon/processes/control.h"

/* Hashes every model file whose index is missing or old, and shows progress on stderr. Lowers the priority of this
 * process, and sandboxes it as workers are. Returns the exit status. A file that cannot be indexed is logged and does
 * not count as a failure. */
int gw_index_run(const struct gw_control_setup *setup);

#endif
