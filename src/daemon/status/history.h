/* What the server had counted at times in the last minutes: every two seconds while clients are connected. For the
 * charts of the status page, which start before it was opened. For one thread; it wakes no other. */
#ifndef GW_DAEMON_STATUS_HISTORY_H
#define GW_DAEMON_STATUS_HISTORY_H

#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "daemon/status/scoreboard.h"

struct gw_history;

/* GW_ERR_NOMEM. The board is lent. */
enum gw_status gw_history_new(struct gw_scoreboard *board, struct gw_history **out);

/* NULL is fine here and below. */
void gw_history_free(struct gw_history *h);

/* A client has connected: the next tick takes a sample. */
void gw_history_begin(struct gw_history *h);

/* When to call gw_history_tick next, in gw_clock_ns; UINT64_MAX while nothing can have changed. */
uint64_t gw_history_deadline(const struct gw_history *h);

/* Takes a sample if it is time. To be called after each wait; cheap where there is nothing to do. */
void gw_history_tick(struct gw_history *h);

/* The members "period_seconds", "graph_class_seconds", the upper bounds of all classes but the last, and "samples",
 * oldest first, of an object. Where clients were connected samples are a period apart; where two are further apart,
 * what was counted between them was counted within the period after the first. */
void gw_history_json(const struct gw_history *h, struct gw_json *j);

#endif
