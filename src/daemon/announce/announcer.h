/* Announces the server on the network (--announce). Another process does that, because it reads what D-Bus and
 * avahi-daemon send. One thread. */
#ifndef GW_DAEMON_ANNOUNCE_ANNOUNCER_H
#define GW_DAEMON_ANNOUNCE_ANNOUNCER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/terms.h"
#include "daemon/processes/control.h"
#include "transport/list/endpoint.h"

struct gw_announcer;

/* Adds an endpoint that is open. False if other machines cannot reach it, or there is no room. */
bool gw_announcement_add(struct gw_publication *p, const struct gw_endpoint *bound, const struct gw_terms *terms);

/* Starts the process; of setup, what it has in common with workers counts. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_announcer_new(const struct gw_publication *p, const struct gw_control_setup *setup,
	struct gw_announcer **out, struct gw_error *err);

/* Ends the process, which withdraws the announcement. NULL is fine here and below. */
void gw_announcer_free(struct gw_announcer *a);

/* When to call gw_announcer_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_announcer_deadline(const struct gw_announcer *a);

/* Starts the process again if it has died, after a while. To be called after each wait. */
void gw_announcer_tick(struct gw_announcer *a);

/* Collects the process if it has ended. To be called after SIGCHLD. */
void gw_announcer_reap(struct gw_announcer *a);

#endif
