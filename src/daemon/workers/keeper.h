/* The supervisor's side of the keeper, the process that owns the cache. Workers cannot access the cache directory. Each
 * sends its requests to the keeper, which gives it entries of one trust domain only. The supervisor, not the worker,
 * names that domain. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_KEEPER_H
#define GW_DAEMON_WORKERS_KEEPER_H

#include "base/status.h"
#include "daemon/processes/control.h"

struct gw_keeper;

/* Starts the process; setup is copied. */
enum gw_status gw_keeper_new(const struct gw_control_setup *setup, struct gw_keeper **out, struct gw_error *err);

/* Ends the process without waiting for it. k may be NULL, here and below. */
void gw_keeper_free(struct gw_keeper *k);

/* Makes a socket for a worker, on which the keeper serves one trust domain; domain comes from gw_keeper_domain. Returns
 * -1 and logs the reason on failure: the client then works without the cache. Restarts the process if it has ended, at
 * most once a second. Does not block. */
int gw_keeper_open(struct gw_keeper *k, const char *domain);

/* The trust domain of a client: its identity, or if that is "", the domain of its connection. The result can be "": no
 * domain. */
void gw_keeper_domain(int client, const char *identity, char out[GW_TRANSPORT_DOMAIN]);

/* Reaps the process if it has ended, and logs that. To be called after SIGCHLD. */
void gw_keeper_reap(struct gw_keeper *k);

#endif
