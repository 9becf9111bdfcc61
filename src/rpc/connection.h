/* The server's end of a connection: requests in, replies out. One thread uses it, except gw_connection_shutdown. */
#ifndef GW_RPC_CONNECTION_H
#define GW_RPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/dialect.h"

struct gw_connection;

/* Takes over a transport (on failure it is still the caller's). dialect is what this server speaks on it. */
enum gw_status gw_connection_new(struct gw_transport *t, const struct gw_dialect *dialect, struct gw_connection **out);

/* Which transports are allowed; before the handshake. AUTO, which a new peer has, leaves it to the environment
 * (transport/mode.h). */
void gw_connection_set_mode(struct gw_connection *p, enum gw_transport_mode mode);

/* Counts the bytes of the connection there from now on; both must stay valid until p is freed. */
void gw_connection_count(struct gw_connection *p, _Atomic uint64_t *received, _Atomic uint64_t *sent);

/* Whether the connection has gone over to RDMA. */
bool gw_connection_is_rdma(const struct gw_connection *p);

/* Closes the transport and frees p. Replies that are still queued are sent first unless the connection has failed; this
 * blocks as long as the client does not read. */
void gw_connection_free(struct gw_connection *p);

/* Reads and answers HELLO. The error says what was wrong ("no HELLO, first byte 0x47: this is not an RPC client", ...).
 * Blocks. */
enum gw_status gw_connection_handshake(struct gw_connection *p, struct gw_error *err);

/* Waits for the next request's header, sending queued replies before it blocks. The first one shows whether the client
 * goes over to RDMA, and the connection changes then (docs/rdma.md); GW_ERR_UNSUPPORTED if it stays on TCP and must
 * not. GW_ERR_CLOSED when the client has gone between two requests. Whatever the previous request's body still holds is
 * an error of the caller (asserted). */
enum gw_status gw_connection_next(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err);

/* Reads the next n bytes of the current request's body into dst: through the input buffer when short, straight into dst
 * when long. n beyond gw_connection_left is GW_ERR_PROTOCOL. */
enum gw_status gw_connection_read(struct gw_connection *p, void *dst, size_t n, struct gw_error *err);

/* Bytes of the current request's body that were not read yet. */
uint64_t gw_connection_left(const struct gw_connection *p);

/* Queues a whole reply (copied). It leaves before gw_connection_next blocks, or when much has gathered. */
enum gw_status gw_connection_reply(struct gw_connection *p, const void *body, size_t size, struct gw_error *err);

/* A reply in pieces: begin announces the size, then writes must add up to it. A write sends what was queued together
 * with data; data is the caller's again on return. */
enum gw_status gw_connection_reply_begin(struct gw_connection *p, uint64_t size, struct gw_error *err);
enum gw_status gw_connection_reply_write(struct gw_connection *p, const void *data, size_t size, struct gw_error *err);

/* Says that bodies will be read into the memory at base, and replies written from it, again and again, and takes that
 * back, of all memory if base is NULL: gw_transport_ops.keep and forget. */
void gw_connection_keep_memory(struct gw_connection *p, void *base, size_t size);
void gw_connection_forget_memory(struct gw_connection *p, const void *base);

/* From now on a thread tells the client every interval_ms that this side lives, while requests keep it from saying
 * anything else. A second call has no effect. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_connection_keep_alive(struct gw_connection *p, uint32_t interval_ms, struct gw_error *err);

/* Makes blocked calls fail. From any thread. */
void gw_connection_shutdown(struct gw_connection *p);

const struct gw_dialect *gw_connection_dialect(const struct gw_connection *p);
const char *gw_connection_name(const struct gw_connection *p);

#endif
