/* Which transport a user wants: options and environment. */
#ifndef GW_TRANSPORT_MODE_H
#define GW_TRANSPORT_MODE_H

#include <stdbool.h>

#include "base/status.h"

enum gw_transport_mode {
	GW_TRANSPORT_AUTO, /* RDMA where both ends have it, else TCP */
	GW_TRANSPORT_TCP,  /* RDMA is neither looked for nor announced */
	GW_TRANSPORT_RDMA, /* a connection that stays on TCP is refused */
};

/* "auto", "tcp", "rdma". False for anything else. */
bool gw_transport_mode_parse(const char *text, enum gw_transport_mode *out);

/* How a server's banner names it. */
const char *gw_transport_mode_text(enum gw_transport_mode mode);

/* What GGML_RPC_TRANSPORT says (auto where it is not set), with GGML_RPC_NO_RDMA, set to anything, as tcp.
 * GW_ERR_INVALID: an unknown word, or both variables contradict each other. */
enum gw_status gw_transport_mode_from_env(enum gw_transport_mode *out, struct gw_error *err);

/* Whether GGML_RPC_STOCK asks this side to behave as the stock implementation does, towards ggwire peers too: no
 * extensions, and the stock data path over RDMA. Set to anything but 0. */
bool gw_transport_stock_only(void);

#endif
