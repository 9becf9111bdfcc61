/* Which variables of the supervisor's environment its child processes get. The environment can hold secrets of the user
 * who started the server, and a client can take over its worker. */
#ifndef GW_DAEMON_SANDBOX_ENVIRONMENT_H
#define GW_DAEMON_SANDBOX_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a variable is passed on. for_devices: the process runs ggml's devices. also: further names between ','. Names
 * that promise a secret (KEY, TOKEN, SECRET, PASS, CRED) are passed on only if also has them. */
bool gw_environment_passes(const char *name, size_t len, bool for_devices, const char *also);

/* Those variables of this process, and GGML_NO_BACKTRACE=1 unless it is set: ggml would start a debugger for a
 * backtrace, which keeps a dying worker and its memory for seconds. The array is the caller's to free, its strings are
 * the environment's. NULL: out of memory. */
char **gw_environment_new(bool for_devices, const char *also);

#endif
