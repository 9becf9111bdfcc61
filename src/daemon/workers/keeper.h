/* The supervisor's side of the keeper, the process that owns the cache. Workers have no access to the cache's
 * directory: each asks the keeper, which gives it entries of one trust domain. The supervisor, not the worker, names
 * that domain. Used by one thread. */
#ifndef GW_DAEMON_WORKERS_KEEPER_H
#define GW_DAEMON_WORKERS_KEEPER_H

#include "base/status.h"
#include "daemon/processes/control.h"

struct gw_keeper;

/* Starts the process; setup is copied. */
enum gw_status gw_keeper_new(const struct gw_control_setup *setup, struct gw_keeper **out, struct gw_error *err);

/* Ends the process, and does not wait for it. k may be NULL, here and below. */
void gw_keeper_free(struct gw_keeper *k);

/* Makes a socket on which the keeper answers for a trust domain, to be sent to a worker. domain is
 * gw_keeper_domain's. -1, after a log line, if that fails: the client goes on without the cache. Starts the process
 * again if it has ended, at most once a second. Does not block. */
int gw_keeper_open(struct gw_keeper *k, const char *domain);

/* The trust domain of a client: its key's identity, or where it has none ("") that of its connection. "": it has none.
 */
void gw_keeper_domain(int client, const char *identity, char out[GW_TRANSPORT_DOMAIN]);

/* Collects the process if it has ended, and says so. To be called after SIGCHLD. */
void gw_keeper_reap(struct gw_keeper *k);

#endif
