/* The client's handshake: HELLO, the choice of a dialect, and the upgrade of the connection. */
#ifndef GW_RPC_CLIENT_HELLO_H
#define GW_RPC_CLIENT_HELLO_H

#include "rpc/client_state.h"
#include "transport/mode.h"

/* Shakes hands; timeout_ms is the limit for each answer. The error names the server. *start_over is set if a new
 * connection that is not upgraded may succeed where this one failed. */
enum gw_status gw_client_handshake(
	struct gw_client *c, enum gw_transport_mode mode, int timeout_ms, bool *start_over, struct gw_error *err);

#endif
