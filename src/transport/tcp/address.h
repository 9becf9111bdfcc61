/* Socket addresses of endpoints, shared by connecting and listening. */
#ifndef GW_TRANSPORT_TCP_ADDRESS_H
#define GW_TRANSPORT_TCP_ADDRESS_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "transport/endpoint.h"

/* The addresses of a TCP endpoint, in the order to try; the caller frees them with freeaddrinfo. Blocks for as long as
 * the system's resolver does. GW_ERR_NOT_FOUND. */
enum gw_status gw_tcp_resolve(
	const struct gw_endpoint *ep, bool listening, struct addrinfo **out, struct gw_error *err);

/* The address of a Unix endpoint. GW_ERR_INVALID if the path is too long. */
enum gw_status gw_tcp_unix_address(const struct gw_endpoint *ep, struct sockaddr_un *out, struct gw_error *err);

/* Writes an address as gw_transport.peer; IPv4 in IPv6 is shown as IPv4. "unix:" if the other end has no path. */
void gw_tcp_address_text(const struct sockaddr *address, socklen_t len, char *out, size_t size);

#endif
