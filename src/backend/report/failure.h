/* What the program is told when a server fails, and whether it goes on: GGML_RPC_REQUIRED and GGML_RPC_ON_LOSS. The
 * functions that end the program write their line to standard error themselves, because a program's log may be written
 * later by another thread, and leave by _exit: exit handlers could wait for the server. They take no lock. */
#ifndef GW_BACKEND_REPORT_FAILURE_H
#define GW_BACKEND_REPORT_FAILURE_H

#include <stdbool.h>

#include "base/status.h"

/* Exit statuses, as sysexits.h numbers them. */
#define GW_EXIT_UNREACHABLE 69 /* EX_UNAVAILABLE: a server that is required cannot be used */
#define GW_EXIT_LOST 75        /* EX_TEMPFAIL: a server was lost; starting again may help */

/* Whether the program ends when a server that it uses is lost: GGML_RPC_ON_LOSS is exit, and not fail (the default).
 * GW_ERR_INVALID: another word. */
enum gw_status gw_failure_exits_on_loss(bool *exits, struct gw_error *err);

/* Reports that a server cannot be used. Ends the program with GW_EXIT_UNREACHABLE if GGML_RPC_REQUIRED is set to
 * anything but 0; otherwise returns, and the program goes on without the server. */
void gw_failure_not_used(const char *endpoint, const struct gw_error *why);

/* The same for all servers, because the plug-in cannot work in this program. */
void gw_failure_no_server(const struct gw_error *why);

/* Ends the program with GW_EXIT_LOST. */
_Noreturn void gw_failure_lost(const char *endpoint, const struct gw_error *why);

#endif
