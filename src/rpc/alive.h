/* Tells a client that waits that its server lives: a thread that sleeps while nothing is asked, and otherwise looks now
 * and then whether anything was said. A process that was stopped says nothing, nor does a machine that is gone, and
 * both look to the client's system like one that computes. */
#ifndef GW_RPC_ALIVE_H
#define GW_RPC_ALIVE_H

#include <stdint.h>

#include "base/status.h"

struct gw_alive;
struct gw_connection;

/* Starts the thread, which uses p until gw_alive_stop. Called while a request is served. GW_ERR_NOMEM, GW_ERR_SYSTEM.
 */
enum gw_status gw_alive_start(
	struct gw_connection *p, uint32_t interval_ms, struct gw_alive **out, struct gw_error *err);

/* Ends it; blocks while it sends. NULL is fine. */
void gw_alive_stop(struct gw_alive *a);

/* The serving thread goes from serving to waiting for a request, or back. No system call unless the thread sleeps. */
void gw_alive_turn(struct gw_alive *a);

#endif
