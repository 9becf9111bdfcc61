/* The connection between two servers that a client makes a pair: one of them listens on a port beside its own, the
 * other connects to it (wire/message.h, COMM_INIT). Nothing on that connection says who is at its other end, so both
 * sides check addresses. */
#ifndef GW_TRANSPORT_TCP_PAIRING_H
#define GW_TRANSPORT_TCP_PAIRING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"
#include "transport/transport.h"

#define GW_PAIRING_OWN_HOST sizeof(((struct gw_endpoint *)0)->host)
#define GW_PAIRING_HOST 64          /* bytes of a host's name, with its NUL */
#define GW_PAIRING_FIRST 40         /* bytes that a link begins with */
#define GW_PAIRING_PORT_OFFSET 1000 /* from a server's port to the one on which it listens for the other server */
#define GW_PAIRING_MS 10000         /* the longest that gw_pairing_open waits, name lookup aside */

/* What a client asks of a server. */
struct gw_pairing {
	uint32_t listens; /* 0 or 1; not bool, whose other values a process that was taken over could send */
	uint16_t port;
	char host[GW_PAIRING_HOST]; /* of the other server: to connect to, or where it will come from ("": not known) */

	/* 1: the connection is a link, and begins with these bytes, which are a secret. The side that connects goes to
	 * the other server's own port. There, who owns the port looks for them, and gw_pairing_open has no part. */
	uint32_t links;
	uint8_t first[GW_PAIRING_FIRST];
};

/* Who asks, and what is allowed. */
struct gw_pairing_rules {
	char host[GW_PAIRING_OWN_HOST]; /* this server's address and port, to which the client is connected */
	uint16_t port;
	struct in6_addr client; /* the client's address, IPv4 mapped into IPv6; zeros: not known */

	/* Whether this server deals with that address; NULL: with all. */
	bool (*permits)(void *user, const struct sockaddr *address);
	void *user;
};

/* Fills in where the client is connected: own is this server's endpoint, peer the client's address as
 * gw_transport.peer shows it. GW_ERR_UNSUPPORTED: own is not TCP. */
enum gw_status gw_pairing_rules_init(
	const struct gw_endpoint *own, const char *peer, struct gw_pairing_rules *rules, struct gw_error *err);

/* Opens the connection, and returns it (close-on-exec). A loopback address means the client's machine where the client
 * is on another one. The listening side takes only connections from the other server's addresses, if those are known,
 * and only one on which GW_UPGRADE_CAPS plausible bytes arrive; others are dropped with a log line, and the wait goes
 * on. The client ends it by coming itself and closing the connection: GW_ERR_CLOSED. The connecting side tries
 * for five seconds, until the other one listens; for a link once, and it sends the first bytes. GW_ERR_INVALID: the
 * request breaks a rule; GW_ERR_SYSTEM: the port is taken; GW_ERR_NOT_FOUND: the name; GW_ERR_TIMEOUT. Blocks. */
enum gw_status gw_pairing_open(
	const struct gw_pairing *pairing, const struct gw_pairing_rules *rules, int *fd, struct gw_error *err);

#endif
