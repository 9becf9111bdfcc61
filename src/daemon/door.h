/* Connections that have not said anything yet. They wait here, for a short time, and cost a descriptor each: a client
 * gets a worker, and a place below --max-clients, when a request's header has come. If no place is free then, it waits
 * a moment for one: a client that reconnects may arrive before the worker of its last connection has reported its end.
 * It looks only at the first byte that a client sends, which distinguishes TLS from HELLO, and links of other servers
 * (wire/peers.h) from both. One thread. */
#ifndef GW_DAEMON_DOOR_H
#define GW_DAEMON_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "daemon/clients/allow.h"
#include "daemon/clients/visitor.h"
#include "daemon/workers/refusals.h"
#include "wire/peers.h"

/* So many wait at once. When one more comes, the one that has waited longest of the host that has most is refused. */
#define GW_DOOR_MAX 64

struct gw_door;

/* All of it is lent. */
struct gw_door_options {
	int events; /* base/events.h */
	const struct gw_allow *allow;
	struct gw_refusals *refusals;

	/* A client wants to be served. False: there is no place, and it is still the door's; not after the last time
	 * that it is asked for. Otherwise the visitor's descriptor is the callee's. */
	bool (*admit)(void *user, const struct gw_visitor *visitor, bool last);

	/* Another server presents the secret of a link. needs_tls: the listener requires TLS. False: nobody expects
	 * such a link. The descriptor stays the door's. */
	bool (*link)(void *user, int fd, bool needs_tls, const uint8_t secret[GW_PEERS_SECRET]);
	void *user;
};

enum gw_status gw_door_new(const struct gw_door_options *options, struct gw_door **out, struct gw_error *err);

/* Closes those that wait. NULL is fine. */
void gw_door_free(struct gw_door *door);

/* A connection to ep, where clients are served on these terms, was accepted. fd is the door's from now on. */
void gw_door_take(struct gw_door *door, int fd, const struct gw_endpoint *ep, const struct gw_terms *terms);

/* Refuses those that wait and those that come from now on: the server is shutting down. */
void gw_door_close(struct gw_door *door);

/* When to call gw_door_tick next, in gw_clock_ns, or GW_CLOCK_NEVER. */
uint64_t gw_door_deadline(const struct gw_door *door);

/* Refuses those that have said nothing for too long, and asks again for those that want a place. To be called after
 * each wait. */
void gw_door_tick(struct gw_door *door);

#endif
