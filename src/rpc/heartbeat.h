/* Reports to a waiting client that its server is alive: a thread that sleeps while nothing is asked, and otherwise
 * checks regularly whether anything was sent. To the client's system, a process that was stopped and a machine that is
 * gone look like a server that computes. */
#ifndef GW_RPC_HEARTBEAT_H
#define GW_RPC_HEARTBEAT_H

#include <stdint.h>

#include "base/status.h"

struct gw_heartbeat;

/* Sends a report unless something was sent since *sends, and updates that. A failure ends the reports. */
typedef enum gw_status (*gw_heartbeat_report)(void *user, uint64_t *sends);

/* Starts the thread, which calls report(user, ...) until gw_heartbeat_stop. Called while a request is served.
 * GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_heartbeat_start(
	gw_heartbeat_report report, void *user, uint32_t interval_ms, struct gw_heartbeat **out, struct gw_error *err);

/* Ends it; blocks while it sends. NULL is fine. */
void gw_heartbeat_stop(struct gw_heartbeat *a);

/* The serving thread changes from serving to waiting for a request, or back. No system call unless the thread sleeps.
 */
void gw_heartbeat_turn(struct gw_heartbeat *a);

#endif
