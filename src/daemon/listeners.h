/* The sockets that a server listens on. One thread. */
#ifndef GW_DAEMON_LISTENERS_H
#define GW_DAEMON_LISTENERS_H

#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/terms.h"
#include "transport/list/endpoint.h"
#include "wire/dialect.h"

struct gw_listeners;

/* Takes a connection to ep that was accepted; fd is the callee's. */
typedef void gw_listeners_take(void *user, int fd, const struct gw_endpoint *ep, const struct gw_terms *terms);

/* take is called from within gw_events_wait. */
enum gw_status gw_listeners_new(gw_listeners_take *take, void *user, struct gw_listeners **out, struct gw_error *err);

/* Closes them and removes the files of Unix sockets that were made here. NULL is fine. */
void gw_listeners_free(struct gw_listeners *l);

/* Opens an endpoint, on which clients are served on these terms; its connections wait until gw_listeners_watch. *bound
 * is the endpoint with its real port. */
enum gw_status gw_listeners_open(struct gw_listeners *l, const struct gw_endpoint *ep, const struct gw_terms *terms,
	struct gw_endpoint *bound, struct gw_error *err);

/* Takes over a socket that somebody else has opened at ep; also on failure. A Unix socket's file stays. */
enum gw_status gw_listeners_adopt(struct gw_listeners *l, int fd, const struct gw_endpoint *ep,
	const struct gw_terms *terms, struct gw_error *err);

/* Connections are taken from now on. */
enum gw_status gw_listeners_watch(struct gw_listeners *l, int events, struct gw_error *err);

/* Accepts no more connections, not even for an event that is already pending. */
void gw_listeners_stop(struct gw_listeners *l);

/* When to call gw_listeners_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_listeners_deadline(const struct gw_listeners *l);

/* Goes on where nothing could be accepted. */
void gw_listeners_tick(struct gw_listeners *l);

#endif
