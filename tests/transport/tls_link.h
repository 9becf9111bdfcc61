/* Puts TLS around both ends of a connection, for tests. */
#ifndef GW_TESTS_TRANSPORT_TLS_LINK_H
#define GW_TESTS_TRANSPORT_TLS_LINK_H

#include <stdbool.h>

#include "transport/tls/tls.h"
#include "transport/transport.h"

/* A key of 32 equal bytes. */
struct gw_tls_key tls_test_key(const char *identity, uint8_t byte);

/* The outcome of a handshake at each end. */
struct tls_outcome {
	enum gw_status client, server;
	struct gw_error client_error, server_error;
};

/* Runs a handshake: the server's end knows the key known, the client's end uses the key used. An end that fails closes
 * its connection and becomes NULL, so that the other end stops, too. Blocks for at most timeout_ms. */
struct tls_outcome tls_shake_hands(struct gw_transport **client, struct gw_transport **server,
	const struct gw_tls_key *used, const struct gw_tls_key *known, int timeout_ms);

/* Wraps both ends in TLS connections. Returns false and leaves them unchanged if this build has no TLS. */
bool tls_link(struct gw_transport **client, struct gw_transport **server);

#endif
