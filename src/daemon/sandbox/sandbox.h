/* What a worker may still do once it has its devices: least privilege. Nothing here can be taken back. */
#ifndef GW_DAEMON_SANDBOX_SANDBOX_H
#define GW_DAEMON_SANDBOX_SANDBOX_H

#include "base/status.h"
#include "daemon/sandbox/policy.h"

/* What is in force, for a log line. */
#define GW_SANDBOX_TEXT 160

/* What needs no feature of the kernel, first: no core dumps, which would hold what a client has sent; no reading of
 * this process's memory by others of the same user; and it ends before others when memory runs out, also with
 * GW_SANDBOX_OFF. */
void gw_sandbox_begin(enum gw_sandbox_mode mode);

/* Takes from this process, for good: new privileges; system calls (seccomp): all but those that its kind needs, or with
 * drivers exec, fork, sockets of network families, whatever changes other processes or the kernel, and the like; and
 * files (Landlock): afterwards only those below cache_dir can be written, and only system files, libraries and those
 * below cache_dir be read, and none at all with GW_SANDBOX_HTTP. Open descriptors keep working. Landlock binds the
 * calling thread and those it makes later, the rest binds all threads. in_force has GW_SANDBOX_TEXT bytes.
 * GW_ERR_UNSUPPORTED with GW_SANDBOX_REQUIRE: this kernel, or this build, lacks something. */
enum gw_status gw_sandbox_enter(const struct gw_sandbox *sandbox, char *in_force, struct gw_error *err);

#endif
