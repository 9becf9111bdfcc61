/* TCP over IPv4 and IPv6. */
#ifndef GW_TRANSPORT_TCP_TCP_H
#define GW_TRANSPORT_TCP_TCP_H

#include <netdb.h>
#include <stdint.h>

#include "transport/transport.h"

/* Connections have TCP_NODELAY, and SIGPIPE is never raised. */
extern const struct gw_transport_kind gw_tcp_transport;

/* Connects to one address until the deadline. 0 and a non-blocking socket, or an errno. */
int gw_tcp_try_address(const struct addrinfo *ai, uint64_t deadline, int *out);

#endif
