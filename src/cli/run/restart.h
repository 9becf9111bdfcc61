/* `ggwire run --restart`: starts a program again when it has lost a server. */
#ifndef GW_CLI_RUN_RESTART_H
#define GW_CLI_RUN_RESTART_H

#include "cli/servers.h"
#include "transport/mode.h"

/* Exit statuses of a program with our plug-in, and of this one in the same case. */
#define GW_EXIT_UNREACHABLE 69 /* a server cannot be used: GGML_RPC_REQUIRED */
#define GW_EXIT_LOST 75        /* a server was lost: GGML_RPC_ON_LOSS=exit */

/* Runs argv until it ends for another reason than a lost server or a signal asks for the end, and ends this process in
 * the same way. Returns an exit status only if no process can be made. */
int gw_restart_run(
	const char *program, char *const *argv, const struct gw_servers *servers, enum gw_transport_mode mode);

#endif
