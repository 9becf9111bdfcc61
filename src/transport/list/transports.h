/* The transports of this build, and what is done through whichever of them fits. */
#ifndef GW_TRANSPORT_LIST_TRANSPORTS_H
#define GW_TRANSPORT_LIST_TRANSPORTS_H

#include "transport/mode.h"
#include "transport/transport.h"
#include "transport/upgrade.h"

/* The upgrade that this build offers for its connections. */
extern const struct gw_upgrade_kind *const gw_transport_upgrade;

/* The transport of an endpoint's text; never NULL. */
const struct gw_transport_kind *gw_transport_kind_of(const char *text);

/* As the members of struct gw_transport_kind; err may be NULL. dial: with TLS where the user has a key for the endpoint
 * (transport/tls/policy.h). listen: bound may be NULL. The errors of listen name the endpoint. */
enum gw_status gw_transport_dial(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err);
enum gw_status gw_transport_listen(
	const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err);

/* As the members, of the transport whose descriptor it is. from_fd: GW_ERR_NOT_FOUND if it belongs to none. peer_name
 * writes "(not connected)" then. */
bool gw_transport_adopt(int fd, struct gw_endpoint *ep);
enum gw_status gw_transport_from_fd(int fd, struct gw_transport **out, struct gw_error *err);
void gw_transport_peer_name(int fd, char *out, size_t size);

/* Writes the trust domain of the peer of an accepted descriptor, for what outlives the connection: "host-192.0.2.7"
 * (without the port; an IPv4 address that came over an IPv6 socket reads as itself), "host-fe80::1%2" with the scope of
 * a link-local address, or "user-1000", the user at the other end of a Unix socket. Empty if the system cannot tell.
 * GW_TRANSPORT_DOMAIN bytes hold any. */
#define GW_TRANSPORT_DOMAIN 80
void gw_transport_peer_domain(int fd, char *out, size_t size);

/* Accepts the next connection of a listening descriptor, close-on-exec. Does not block if the descriptor does not.
 * Errors of connections that ended before they were accepted are passed over: accept(2), "Error handling".
 * GW_ERR_NOT_FOUND: no connection is waiting. GW_ERR_LIMIT: the system lacks descriptors or memory, so pause before the
 * next call. GW_ERR_SYSTEM: the listener is unusable. errno is that of accept. */
enum gw_status gw_transport_accept(int listener, int *fd);

/* What a server's banner says about the transports that it allows. */
const char *gw_transport_mode_text(enum gw_transport_mode mode);

#endif
