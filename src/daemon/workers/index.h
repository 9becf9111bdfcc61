/* The process that indexes the models of --model, beside the workers. */
#ifndef GW_DAEMON_WORKERS_INDEX_H
#define GW_DAEMON_WORKERS_INDEX_H

#include "daemon/processes/control.h"

/* Hashes every model file whose index is missing or old, and says on stderr how far it is. Lowers this process's
 * priority, and locks it in as the workers are. Returns the exit status: files that cannot be indexed are logged, and
 * are no failure. */
int gw_index_run(const struct gw_control_setup *setup);

#endif
