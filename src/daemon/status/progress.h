/* On a terminal, one line for each client that is loading: bytes, rate, and where they come from. Used by one thread.
 */
#ifndef GW_DAEMON_STATUS_PROGRESS_H
#define GW_DAEMON_STATUS_PROGRESS_H

#include <stdint.h>

#include "daemon/status/scoreboard.h"

struct gw_progress;

/* Shows loads on standard error, or *out is NULL if that is no terminal that can move its cursor. board is lent. Log
 * lines of this process go through it from now on. GW_ERR_NOMEM. */
enum gw_status gw_progress_new(struct gw_scoreboard *board, struct gw_progress **out, struct gw_error *err);

/* NULL is fine here and below. */
void gw_progress_free(struct gw_progress *p);

/* The client of that slot has begun to load; its load is over when it has not gone on for a while, or at
 * gw_progress_end, which is harmless for clients that do not load. */
void gw_progress_begin(struct gw_progress *p, uint32_t slot, const char *client);
void gw_progress_end(struct gw_progress *p, uint32_t slot);

/* When to call gw_progress_draw next, in gw_clock_ns; GW_CLOCK_NEVER while no client loads. */
uint64_t gw_progress_deadline(const struct gw_progress *p);

/* Redraws the lines if it is time to. */
void gw_progress_draw(struct gw_progress *p);

#endif
