/* Starting worker processes, and reading how they ended. */
#ifndef GW_DAEMON_PROCESSES_PROCESS_H
#define GW_DAEMON_PROCESSES_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"
#include "daemon/processes/control.h"

enum gw_process_kind {
	GW_PROCESS_WORKER, /* also a probe */
	GW_PROCESS_INDEX,
	GW_PROCESS_KEEPER,
	GW_PROCESS_HTTP,
	GW_PROCESS_PAIR,
	GW_PROCESS_ANNOUNCE,
};

/* How a process is started; lent. */
struct gw_process_start {
	enum gw_process_kind kind;
	const struct gw_control_msg *first; /* what it is told first */
	const int *fds;                     /* it gets them as GW_CONTROL_FD + 1 and on; each is above those numbers */
	size_t n_fds;
	const char *environment; /* variables that it gets beside the usual ones: names between ',' */
};

struct gw_process {
	pid_t pid;
	int control; /* our end, close-on-exec; the caller closes it */
};

/* Starts this executable. The child has default signals, an empty signal mask, no input, no descriptor of ours but
 * those of start, the standard ones and its control socket, and of our environment what daemon/sandbox/environment.h
 * says. */
enum gw_status gw_process_spawn(const struct gw_process_start *start, struct gw_process *out, struct gw_error *err);

/* The same for a worker, a probe, an indexer or the cache's keeper, which setup says. */
enum gw_status gw_process_spawn_worker(const struct gw_control_setup *setup, const int *fds, size_t n_fds,
	struct gw_process *out, struct gw_error *err);

/* Waits for a message from p. GW_ERR_CLOSED: interrupt became readable before; GW_ERR_LOST: the process has ended;
 * GW_ERR_PROTOCOL. */
enum gw_status gw_process_await(
	const struct gw_process *p, int interrupt, struct gw_control_msg *msg, struct gw_error *err);

/* Says how a process ended, of a status from waitpid: "signal 9 (Killed)", "exit status 1". */
void gw_process_status_text(int status, char *out, size_t size);

#endif
