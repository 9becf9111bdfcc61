/* Requests of a client, as bytes; the typed ones are in rpc/commands.h.
 *
 * Every function may be called from any thread; one lock inside the connection orders them (it is a leaf: nothing of
 * the caller's is called under it). The server executes requests in the order in which they were given. Once the
 * connection is lost every call returns its error at once; the reason is logged exactly one time. gw_client_explain
 * says in words what a status means. */
#ifndef GW_RPC_REQUEST_H
#define GW_RPC_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/status.h"
#include "rpc/dest.h"
#include "wire/command.h"

struct gw_client;

/* Requests are given as the parts of their body, concatenated; at most GW_CLIENT_MAX_PARTS. The memory is the caller's
 * again on return: bodies below GW_CLIENT_COPY_MAX bytes are copied, longer ones sent before return.
 * GW_ERR_UNSUPPORTED: the dialect has no such command. GW_ERR_INVALID: too many parts, a post whose reply has a body, a
 * call or get without one. Neither touches the connection. Any request may block in sending, and receives replies of
 * gets first if much is outstanding. */
#define GW_CLIENT_MAX_PARTS 4
#define GW_CLIENT_COPY_MAX 65536

/* Queues a request that has no reply, or an empty one, in the dialect. It is sent with the next flush, call, get or
 * long post, or when GW_CLIENT_COPY_MAX bytes have gathered. */
enum gw_status gw_client_post(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n);

/* Sends what is queued. */
enum gw_status gw_client_flush(struct gw_client *c);

/* The same, but if another thread is in a call, that one does it at the end of its call: this one does not wait for it.
 */
void gw_client_flush_soon(struct gw_client *c);

/* What is queued may leave later, together with more (rpc/later.h), but before any thread waits for a reply of any
 * server. For programs that keep several servers busy. */
void gw_client_flush_later(struct gw_client *c);

/* Sends a request and waits for its reply, which must have exactly size bytes (GW_ERR_PROTOCOL otherwise, and the
 * connection is lost). On failure reply is untouched. */
enum gw_status gw_client_call(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, void *reply, size_t size);

/* The same for a reply of any size up to max, which is put into *reply (emptied first). */
enum gw_status gw_client_call_var(
	struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n, struct gw_buf *reply, size_t max);

/* Sends what is queued and a request whose reply, of exactly dest's bytes, is written to dest when it is drained.
 * dest's memory must stay valid until then; it is filled with zeros if the connection is lost first. *ticket (may be
 * NULL) identifies the reply to gw_client_drain. size 0 is valid: the ticket then marks a point in the order of
 * execution. On failure dest is filled with zeros, and no ticket is set. */
enum gw_status gw_client_get(struct gw_client *c, enum gw_cmd cmd, const struct iovec *parts, int n,
	const struct gw_dest *dest, uint64_t *ticket);

/* Sends what is queued and waits until the reply of ticket, and so all before it, has arrived. GW_OK at once if it
 * has. GW_CLIENT_ALL: every reply that is outstanding. */
#define GW_CLIENT_ALL UINT64_MAX
enum gw_status gw_client_drain(struct gw_client *c, uint64_t ticket);

/* The same, for at most timeout_ms until the next reply begins; GW_ERR_TIMEOUT then, and nothing is lost. */
enum gw_status gw_client_await(struct gw_client *c, uint64_t ticket, int timeout_ms);

/* Asks the server to report now and then that it is alive while this side waits, and treats it as lost if it is silent
 * for gw_transport_timeout_ms. The request leaves with the next one. No effect if extensions are below
 * GW_EXT_LEVEL_ALIVE: such a server may be silent for as long as it computes. Call it before any other request, and not
 * at the same time as one. */
enum gw_status gw_client_keep_alive(struct gw_client *c);

/* Fills err (may be NULL) with what a status that a request of c returned means: for a lost connection, the reason of
 * the loss. Returns status. */
enum gw_status gw_client_explain(const struct gw_client *c, enum gw_status status, struct gw_error *err);

#endif
