/* The live view of `ggwire top`, on a terminal. */
#ifndef GW_CLI_TOP_SCREEN_H
#define GW_CLI_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/top/watch.h"

#define GW_TOP_SERVERS 64

/* Whether this build has it. */
bool gw_top_screen_exists(void);

/* Watches n servers, at most GW_TOP_SERVERS, and shows them until the user presses q or a signal comes. Threads go on
 * watching afterwards: the process is to end. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_top_screen_run(const struct gw_watch_wish *wishes, size_t n, struct gw_error *err);

#endif
