/* Which files a process may still open. */
#ifndef GW_DAEMON_SANDBOX_LANDLOCK_H
#define GW_DAEMON_SANDBOX_LANDLOCK_H

#include "daemon/sandbox/policy.h"

/* Binds the calling thread and those it makes later, for good. Returns the version of Landlock that is in force; 0:
 * none. */
int gw_sandbox_landlock(const struct gw_sandbox *sandbox);

#endif
