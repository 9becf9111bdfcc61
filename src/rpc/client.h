/* The client's end of a connection: connecting, HELLO, and what is known about the server. Requests gather and leave
 * together, and replies arrive in order: rpc/request.h, and rpc/commands.h for typed ones. */
#ifndef GW_RPC_CLIENT_H
#define GW_RPC_CLIENT_H

#include <stdbool.h>

#include "base/status.h"
#include "rpc/request.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/dialect.h"

struct gw_client;

/* Connects to an endpoint as users write it and shakes hands. The error names the endpoint and says what was wrong:
 * syntax, name lookup, refused, not an RPC server, version. Blocks for at most ten seconds until the connection is
 * there, and ten more for the answer to HELLO. */
enum gw_status gw_client_connect(const char *endpoint, struct gw_client **out, struct gw_error *err);

/* The same with another mode than the environment asks for, and other limits: timeout_ms for the connection, and again
 * for the answer to HELLO. */
enum gw_status gw_client_connect_within(const char *endpoint, enum gw_transport_mode mode, int timeout_ms,
	struct gw_client **out, struct gw_error *err);

/* Shakes hands over a connection that exists already. The client owns it from then on, also on failure (it is closed
 * then). Messages use name for the endpoint. timeout_ms is for the reply to HELLO. */
enum gw_status gw_client_start(
	struct gw_transport *transport, const char *name, int timeout_ms, struct gw_client **out, struct gw_error *err);

/* Sends what is queued, closes the connection without waiting for replies, and frees c. No call may be running. */
void gw_client_close(struct gw_client *c);

/* Constant after connecting. */
const struct gw_dialect *gw_client_dialect(const struct gw_client *c);
const char *gw_client_name(const struct gw_client *c);
unsigned gw_client_extensions(const struct gw_client *c); /* the level in use; 0: a stock server */

/* What the server said about itself, whether or not all of it is used. Constant after connecting. */
struct gw_client_server {
	struct gw_version version; /* of the protocol */
	unsigned extensions;       /* level; 0: a stock server */
};
struct gw_client_server gw_client_server(const struct gw_client *c);

/* The connection underneath, for its name, title and peer. Constant after connecting; the client's. */
const struct gw_transport *gw_client_transport(const struct gw_client *c);

/* NULL if the connection was upgraded; otherwise why not (enum gw_upgrade_cause; the text may be the server's).
 * Constant after connecting. */
const struct gw_error *gw_client_why_not_upgraded(const struct gw_client *c);

/* For a thread that watches the others: the number is odd while a call is running, and every call changes it. */
uint64_t gw_client_turn(const struct gw_client *c);

/* Makes running and later calls of all threads fail with why. Once, from any thread. */
void gw_client_interrupt(struct gw_client *c, const struct gw_error *why);

/* Ends the connection because of an answer that cannot be right, and logs why as the reason of the loss. No effect if
 * the connection is lost already. Waits for the calls of other threads. */
void gw_client_give_up(struct gw_client *c, const struct gw_error *why);

/* Calls lost when the connection fails, once, with the reason, instead of logging it. It runs in the thread whose call
 * found out, without the client's lock; the caller of that function may hold locks of its own. NULL: only the log.
 * While no call is running. */
typedef void (*gw_client_lost_fn)(void *user, const struct gw_error *why);
void gw_client_on_loss(struct gw_client *c, gw_client_lost_fn lost, void *user);

/* Whether the connection has failed. */
bool gw_client_lost(const struct gw_client *c);

#endif
