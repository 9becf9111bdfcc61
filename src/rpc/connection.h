/* The server's end of a connection: HELLO, the upgrade, and the requests one by one. One thread uses it. */
#ifndef GW_RPC_CONNECTION_H
#define GW_RPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/connection_io.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/dialect.h"

struct gw_connection;

/* Takes over a transport (on failure it is still the caller's). dialect is what this server speaks on it. */
enum gw_status gw_connection_new(struct gw_transport *t, const struct gw_dialect *dialect, struct gw_connection **out);

/* Which transports are allowed; before the handshake. AUTO, the default, leaves it to the environment
 * (transport/mode.h). */
void gw_connection_set_mode(struct gw_connection *p, enum gw_transport_mode mode);

/* Counts the bytes of the connection there from now on; both must stay valid until p is freed. */
void gw_connection_count(struct gw_connection *p, _Atomic uint64_t *received, _Atomic uint64_t *sent);

/* Whether the connection has left the transport that it began on. */
bool gw_connection_is_upgraded(const struct gw_connection *p);

/* Makes running calls fail, and all later ones. From any thread. */
void gw_connection_shutdown(struct gw_connection *p);

/* Closes the transport and frees p. Queued replies are sent first unless the connection has failed; this blocks as long
 * as the client does not read. */
void gw_connection_free(struct gw_connection *p);

/* Reads and answers HELLO. The error says what was wrong ("no HELLO, first byte 0x47: this is not an RPC client", ...).
 * Blocks. */
enum gw_status gw_connection_handshake(struct gw_connection *p, struct gw_error *err);

/* Waits for the next request's header, sending queued replies before it blocks. The first request shows whether the
 * client upgrades the connection, which happens then (docs/rdma.md); GW_ERR_UNSUPPORTED if it does not and the mode
 * demands it. GW_ERR_CLOSED when the client has left between two requests. The previous request's body must have been
 * read completely (asserted). */
enum gw_status gw_connection_next(struct gw_connection *p, unsigned *cmd, uint64_t *size, struct gw_error *err);

/* gw_transport_ops.register_memory and unregister_memory. */
void gw_connection_register_memory(struct gw_connection *p, void *base, size_t size);
void gw_connection_unregister_memory(struct gw_connection *p, const void *base);

/* From now on a thread reports to the client every interval_ms that this side is alive, while requests keep it from
 * sending anything else. A second call has no effect. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_connection_keep_alive(struct gw_connection *p, uint32_t interval_ms, struct gw_error *err);

/* Tells the client that the server shuts down, if it has asked for reports and is not in the middle of a reply, and
 * ends the connection. Callable from another thread than the one that serves it. Blocks for GW_CONNECTION_STOP_MS if
 * that thread is sending, and while the client does not read. */
#define GW_CONNECTION_STOP_MS 100
void gw_connection_stop(struct gw_connection *p);

const struct gw_dialect *gw_connection_dialect(const struct gw_connection *p);
const char *gw_connection_name(const struct gw_connection *p);

/* gw_transport.identity: whose key the client has; "" if it has shown none. */
const char *gw_connection_identity(const struct gw_connection *p);

/* gw_transport.keep_encrypted. */
bool gw_connection_keeps_encrypted(const struct gw_connection *p);

#endif
