/* Sending and receiving over several connections at the same time. */
#ifndef GW_TRANSPORT_LIST_EXCHANGE_H
#define GW_TRANSPORT_LIST_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "transport/transport.h"

#define GW_FLOW_PARTS 2

/* What goes over one connection. */
struct gw_flow {
	struct gw_transport *t;
	struct iovec out[GW_FLOW_PARTS]; /* nothing, if it only receives */
	struct iovec in[GW_FLOW_PARTS];  /* nothing, if it only sends */
	bool sends_first; /* which end sends before it receives, where a transport cannot do both at once */

	/* Called, unless it is NULL, while bytes move: so many of out have left, and of in arrived. out that has left
	 * may be overwritten. False ends the exchange with GW_ERR_PROTOCOL. */
	bool (*moved)(void *user, size_t sent, size_t received);

	/* Called, unless it is NULL, before bytes of out leave behind the first sent: makes more of them ready, and
	 * returns how many of out may leave now, which is more than sent. So one part can be made while another is on
	 * its way. A transport that cannot do both at once has all of them made first. */
	size_t (*make)(void *user, size_t sent);
	void *user; /* of moved and make */
};

/* Moves all bytes of n flows. The peers do the same, each with the other value of sends_first; one that takes part with
 * several flows has them in an order that all peers agree on. Errors as sendv and recvv, with *failed (may be NULL) the
 * flow that failed; all connections are unusable after one. */
enum gw_status gw_transport_exchange(const struct gw_flow *flows, size_t n, size_t *failed, struct gw_error *err);

/* How many there may be at once. */
#define GW_FLOWS_MAX 16

#endif
