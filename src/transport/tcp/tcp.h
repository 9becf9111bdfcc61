/* TCP over IPv4 and IPv6, and Unix stream sockets. */
#ifndef GW_TRANSPORT_TCP_TCP_H
#define GW_TRANSPORT_TCP_TCP_H

#include <stdint.h>

#include "transport/endpoint.h"
#include "transport/transport.h"

/* How long a peer may be silent where it should not be: $GGML_RPC_TIMEOUT seconds, 1 to 86400, or else 30.
 * Milliseconds. A computation is no silence: there, the system at the other end still answers. */
int gw_tcp_timeout_ms(void);

/* Connects, trying each address of the name in turn; blocks for at most timeout_ms (<= 0: without end). TCP_NODELAY
 * is set; SIGPIPE is never raised. Errors say what was tried. */
enum gw_status gw_tcp_connect(
	const struct gw_endpoint *ep, int timeout_ms, struct gw_transport **out, struct gw_error *err);

/* Wraps a connected stream socket, which the transport then owns (on failure the caller still does). */
enum gw_status gw_tcp_from_fd(int fd, struct gw_transport **out, struct gw_error *err);

/* The socket of a TCP connection, which stays the transport's; -1 for every other transport, Unix sockets too. */
int gw_tcp_fd(const struct gw_transport *t);

/* Opens a listening socket (close-on-exec, non-blocking) for the endpoint; *bound (may be NULL) is the endpoint with
 * the port that was chosen. A stale Unix socket file is replaced, a live one is GW_ERR_INVALID. */
enum gw_status gw_tcp_listen(
	const struct gw_endpoint *ep, int backlog, int *fd, struct gw_endpoint *bound, struct gw_error *err);

/* Writes who is at the other end of a connected socket, as gw_transport.peer. */
void gw_tcp_peer_name(int fd, char *out, size_t size);

/* Writes the trust domain of the peer of a connected socket: "host-192.0.2.7" (without the port; an IPv4 address that
 * came over an IPv6 socket reads as itself), "host-fe80::1%2" with the scope of a link-local address, or "user-1000",
 * the user at the other end of a Unix socket. Empty if the kernel cannot tell. GW_TCP_DOMAIN bytes hold any. */
#define GW_TCP_DOMAIN 80
void gw_tcp_peer_domain(int fd, char *out, size_t size);

#endif
