/* What the user asks of connections: options and environment. */
#ifndef GW_TRANSPORT_MODE_H
#define GW_TRANSPORT_MODE_H

#include <stdbool.h>

#include "base/status.h"

/* Which transports are allowed. */
enum gw_transport_mode {
	GW_TRANSPORT_AUTO, /* RDMA where both ends have it, otherwise TCP */
	GW_TRANSPORT_TCP,  /* connections are not upgraded, and no upgrade is announced */
	GW_TRANSPORT_RDMA, /* a connection that cannot be upgraded is refused */
};

/* "auto", "tcp", "rdma". False for anything else. */
bool gw_transport_mode_parse(const char *text, enum gw_transport_mode *out);

/* GGML_RPC_TRANSPORT (default: auto); GGML_RPC_NO_RDMA with any value is the same as tcp. GW_ERR_INVALID: an unknown
 * word, or the two variables contradict each other. */
enum gw_status gw_transport_mode_from_env(enum gw_transport_mode *out, struct gw_error *err);

/* Whether GGML_RPC_STOCK asks this side to behave as the stock implementation does, also towards ggwire peers: no
 * extensions, and the stock data path over RDMA. Any value but 0. */
bool gw_transport_stock_only(void);

/* How long a peer may be silent where it should not be, in milliseconds: GGML_RPC_TIMEOUT seconds, 1 to 86400, or 30.
 * During a computation the peer's system still answers, so it is not silent. */
int gw_transport_timeout_ms(void);

#endif
