/* The client's end of a connection: HELLO, requests that gather and leave together, replies in order.
 *
 * Every function may be called from any thread; one lock inside the connection orders them (it is a leaf: nothing of
 * the caller's is called under it). What was posted earlier is always executed earlier by the server. Once the
 * connection is lost every call returns its error at once, after logging the reason exactly one time. */
#ifndef GW_RPC_CLIENT_H
#define GW_RPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/status.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/command.h"
#include "wire/dialect.h"

struct gw_client;

/* Connects to an endpoint as users write it and shakes hands. The error's text names the endpoint and says what was
 * wrong: syntax, name lookup, refused, no RPC server, version. Blocks for at most ten seconds until the connection is
 * there, and ten more for the answer to HELLO. */
enum gw_status gw_client_connect(const char *endpoint, struct gw_client **out, struct gw_error *err);

/* The same with another transport than the environment asks for, and other limits: timeout_ms for the connection, and
 * again for the answer to HELLO. */
enum gw_status gw_client_connect_within(const char *endpoint, enum gw_transport_mode mode, int timeout_ms,
	struct gw_client **out, struct gw_error *err);

/* The same as gw_client_connect over a connection that exists already, which the client then owns, also on failure (it
 * is closed then). name stands for the endpoint in messages. */
enum gw_status gw_client_start(
	struct gw_transport *transport, const char *name, struct gw_client **out, struct gw_error *err);

/* Closes the connection, without waiting for replies, and frees c. No call may be under way. Posted requests are sent.
 */
void gw_client_close(struct gw_client *c);

/* Constant after connecting. */
const struct gw_dialect *gw_client_dialect(const struct gw_client *c);
const char *gw_client_name(const struct gw_client *c);
unsigned gw_client_extensions(const struct gw_client *c); /* level in use; 0 = a stock server */

/* What the server said of itself, whatever of it is used. Constant after connecting. */
struct gw_client_server {
	struct gw_version version; /* of the protocol */
	unsigned extensions;       /* level; 0 = a stock server */
};
struct gw_client_server gw_client_server(const struct gw_client *c);

/* What the connection runs on: "tcp", "unix", "rdma"; the address at the other end; and why it is not RDMA ("" where
 * it is). The reason may be the server's words. Constant after connecting. */
const char *gw_client_transport(const struct gw_client *c);
const char *gw_client_peer(const struct gw_client *c);
const char *gw_client_why_not_rdma(const struct gw_client *c);

/* Makes calls that are under way in other threads fail, and all later ones: for a user who does not want to wait. */
void gw_client_interrupt(struct gw_client *c);

/* Ends the connection for a reason of the caller's own: an answer that cannot be right. Logs it as any other loss. */
void gw_client_give_up(struct gw_client *c, const struct gw_error *why);

/* Asks the server to say now and then that it lives while this side waits, and takes it for lost if it says nothing for
 * gw_tcp_timeout_ms. The request leaves with the next one. Without effect where extensions are below
 * GW_EXT_LEVEL_ALIVE: such a server may be silent for as long as it computes. Before any other request; not together
 * with other calls. */
enum gw_status gw_client_keep_alive(struct gw_client *c);

/* Whether the connection has failed. */
bool gw_client_lost(const struct gw_client *c);

/* Requests are given as the parts of their body, concatenated; at most GW_CLIENT_MAX_PARTS. The memory is the
 * caller's again on return: small bodies (below GW_CLIENT_COPY_MAX in all) are copied, larger ones sent before return.
 * GW_ERR_UNSUPPORTED: the dialect has no such command. GW_ERR_INVALID: too many parts, a post whose reply has a body, a
 * call or get without one. Neither touches the connection. Any request may block in sending, and receives replies of
 * gets first where much is outstanding. */
#define GW_CLIENT_MAX_PARTS 4
#define GW_CLIENT_COPY_MAX 65536

/* Queues a request whose reply is none or empty in the dialect. It leaves with the next flush, call, get or large post,
 * or when GW_CLIENT_COPY_MAX bytes have gathered. */
enum gw_status gw_client_post(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n);

/* Sends what is queued. */
enum gw_status gw_client_flush(struct gw_client *c);

/* Sends a request and waits for its reply, which must have exactly size bytes (GW_ERR_PROTOCOL otherwise, and the
 * connection is lost). On failure reply is untouched. */
enum gw_status gw_client_call(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, void *reply, size_t size);

/* The same for a reply of any size up to max, which is put into *reply (emptied first). */
enum gw_status gw_client_call_var(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, struct gw_buf *reply, size_t max);

/* Where the bytes of a reply go: n rows of size bytes, stride bytes apart. One piece: n = 1. */
struct gw_dest {
	void *base;
	size_t size;
	size_t n;
	size_t stride;
};

/* Sends what is queued and a request whose reply, of exactly dest's bytes, is written to dest when it is drained;
 * dest's memory must stay valid until then, and is filled with zeros if the connection is lost first. *ticket (may be
 * NULL) names it to gw_client_drain. size 0 is fine: it then marks a point in the order of execution. On failure dest
 * is zeroed, and no ticket is set. */
enum gw_status gw_client_get(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n,
	const struct gw_dest *dest, uint64_t *ticket);

/* Sends what is queued and waits until the reply of ticket, and so all before it, has arrived. GW_OK at once if it
 * has. GW_CLIENT_ALL: every reply that is outstanding. */
#define GW_CLIENT_ALL UINT64_MAX
enum gw_status gw_client_drain(struct gw_client *c, uint64_t ticket);

#endif
