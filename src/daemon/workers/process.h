/* Starting worker processes, and reading how they ended. */
#ifndef GW_DAEMON_WORKERS_PROCESS_H
#define GW_DAEMON_WORKERS_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"
#include "daemon/workers/control.h"

struct gw_process {
	pid_t pid;
	int control; /* our end, close-on-exec; the caller closes it */
};

/* Starts this executable as a worker and sends it its setup. board, unless it is NULL, are descriptors that it gets as
 * GW_CONTROL_BOARD_FD and the next one; both are above that. The child has default signals, an empty signal mask, no
 * input, and no descriptor of ours but these, the standard ones and its control socket. */
enum gw_status gw_process_spawn(
	const struct gw_control_setup *setup, const int board[2], struct gw_process *out, struct gw_error *err);

/* Says how a process ended, of a status from waitpid: "signal 9 (Killed)", "exit status 1". */
void gw_process_status_text(int status, char *out, size_t size);

#endif
