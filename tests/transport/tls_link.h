/* TLS around both ends of a connection, for tests. */
#ifndef GW_TESTS_TRANSPORT_TLS_LINK_H
#define GW_TESTS_TRANSPORT_TLS_LINK_H

#include <stdbool.h>

#include "transport/tls/tls.h"
#include "transport/transport.h"

/* A key of the same 32 bytes. */
struct gw_tls_key tls_test_key(const char *identity, uint8_t byte);

/* What became of a handshake, for each end. */
struct tls_outcome {
	enum gw_status client, server;
	struct gw_error client_error, server_error;
};

/* The server's end knows the key known, and the client's end uses the key used. An end that fails closes its
 * connection and becomes NULL, so that the other one ends, too. Blocks for at most timeout_ms. */
struct tls_outcome tls_shake_hands(struct gw_transport **client, struct gw_transport **server,
	const struct gw_tls_key *used, const struct gw_tls_key *known, int timeout_ms);

/* Replaces both by TLS connections around them. False, and both are as they were, if this build has no TLS. */
bool tls_link(struct gw_transport **client, struct gw_transport **server);

#endif
