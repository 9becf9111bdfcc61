/* From where a connection comes, so that it can be counted how many there are: the machine, or, through a Unix socket,
 * the user. */
#ifndef GW_DAEMON_CLIENTS_HOST_H
#define GW_DAEMON_CLIENTS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct gw_host {
	int family; /* AF_INET, AF_INET6 or AF_UNIX */
	/* An IPv4 address, also one that IPv6 carries; the first 64 bits of an IPv6 address, since a machine may have
	 * all addresses that begin with them; a user's number. */
	uint8_t key[8];
};

/* Of a peer's address; a Unix socket's says nothing of its user. */
void gw_host_of_address(const struct sockaddr *address, struct gw_host *out);

/* Of a connected stream socket. Where the system does not say, all such connections are from one host. */
void gw_host_of(int fd, struct gw_host *out);

bool gw_host_is_same(const struct gw_host *a, const struct gw_host *b);

/* A connection of a crowd. */
struct gw_host_arrival {
	struct gw_host host;
	uint64_t at_ns;
};

/* Which of n connections gives way to another one where there is no room: the oldest of the host that has most. So no
 * host can push out one that has fewer. n is at least 1. */
size_t gw_host_yields(const struct gw_host_arrival *crowd, size_t n);

#endif
