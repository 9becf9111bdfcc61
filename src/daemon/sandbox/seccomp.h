/* The filter of system calls. */
#ifndef GW_DAEMON_SANDBOX_SECCOMP_H
#define GW_DAEMON_SANDBOX_SECCOMP_H

#include "daemon/sandbox/policy.h"

/* Binds all threads of this process, for good. Whether the filter is in force: not without libseccomp or a kernel that
 * has it. */
bool gw_sandbox_seccomp(enum gw_sandbox_kind kind, bool pins_threads);

#endif
