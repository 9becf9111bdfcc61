/* Addresses of sockets. */
#ifndef GW_TRANSPORT_TCP_ADDRESS_H
#define GW_TRANSPORT_TCP_ADDRESS_H

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "transport/transport.h"

union gw_socket_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* The addresses of a TCP endpoint in the order to try them; the caller frees them with freeaddrinfo. Blocks for as long
 * as the system's resolver does. GW_ERR_NOT_FOUND. */
enum gw_status gw_tcp_resolve(
	const struct gw_endpoint *ep, bool listening, struct addrinfo **out, struct gw_error *err);

/* Writes an address as gw_transport.peer; IPv4 in IPv6 is shown as IPv4. "unix:" if the other end has no path. */
void gw_tcp_address_text(const struct sockaddr *address, socklen_t len, char *out, size_t size);

/* AF_INET, AF_INET6, AF_UNIX, ..., or AF_UNSPEC if fd is not a socket. */
int gw_socket_family(int fd);

/* Writes the address at the other end of a connected socket, as gw_transport.peer. False if there is none. */
bool gw_socket_peer_name(int fd, char *out, size_t size);

/* Binds and listens. 0 or an errno. */
int gw_socket_listen(int fd, const struct sockaddr *address, socklen_t len, int backlog);

#endif
