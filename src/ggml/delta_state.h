/* The state of GATED_DELTA_NET, whose shape changed without a new protocol version: docs/protocol.md, "Parameters". */
#ifndef GW_GGML_DELTA_STATE_H
#define GW_GGML_DELTA_STATE_H

#include <ggml.h>

#include "base/status.h"

/* Where a client of protocol 4.0.0 or 4.0.1 describes the state in another shape than ggml 0.15 does, gives node a
 * source of that shape over the same memory, made in *spare, which must live as long as node. Any shape will do, since
 * the elements decide: one state for each sequence. GW_ERR_UNSUPPORTED where there are more or fewer, as in a ggml from
 * 0.12 to 0.14 that keeps several. Other operations, and nodes whose sources are missing, are left as they are. */
enum gw_status gw_delta_state_adapt(struct ggml_tensor *node, struct ggml_tensor *spare, struct gw_error *err);

#endif
