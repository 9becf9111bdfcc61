/* A server in a thread that answers by simple rules, independent of the commands' real meaning:
 *
 * commands without a reply, or with an empty one: add their body to the running hash;
 * GET_TENSOR, GET_TENSOR_2D, EXT_INFO: the body is u64 seed | u64 size, and the reply size bytes of seed's pattern;
 * SET_TENSOR_HASH: gets a reply of the wrong size;
 * other commands with a reply: return the running hash, 8 bytes. */
#ifndef GW_TESTS_SESSION_HARNESS_H
#define GW_TESTS_SESSION_HARNESS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/client.h"
#include "rpc/connection.h"

/* Has the commands and empty replies of protocol 4.0, whichever versions the build supports. */
extern const struct gw_dialect dialect_with_empty_replies;

/* Switches a client to another dialect after the handshake. */
void use_dialect(struct gw_client *c, const struct gw_dialect *dialect);

struct server {
	pthread_t thread;
	struct gw_transport *transport;
	const struct gw_dialect *dialect;
	enum gw_transport_mode mode;
	enum gw_status end; /* after server_join: the status with which it ended */
	struct gw_error why;
	uint64_t requests;
};

/* Serves one connection in a thread, which owns the transport. Aborts the test program if it cannot create the
 * thread. */
void server_start(struct server *s, struct gw_transport *t, const struct gw_dialect *dialect);
void server_start_in_mode(
	struct server *s, struct gw_transport *t, const struct gw_dialect *dialect, enum gw_transport_mode mode);
void server_join(struct server *s);

/* Connect both ends by a loopback transport or a socket pair. */
void pair_loopback(struct gw_transport **client, struct gw_transport **server);
void pair_socket(struct gw_transport **client, struct gw_transport **server);

/* Byte i of a seed's pattern; never 0. */
uint8_t pattern(uint64_t seed, size_t i);

/* Whether n bytes equal the seed's pattern from byte start on. */
bool is_pattern(const void *bytes, uint64_t seed, size_t start, size_t n);
bool is_zero(const void *bytes, size_t n);

/* Adds a request to the running hash. */
uint64_t hash_request(uint64_t hash, unsigned cmd, const void *body, size_t size);

/* A body for GET_TENSOR. */
struct get_body {
	uint8_t bytes[16];
	struct iovec iov;
};
const struct iovec *get_body(struct get_body *b, uint64_t seed, uint64_t size);

#endif
