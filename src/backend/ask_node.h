/* Asking a server about an operation. */
#ifndef GW_BACKEND_ASK_NODE_H
#define GW_BACKEND_ASK_NODE_H

#include <stdint.h>

#include "backend/link.h"

/* Sends GET_ALLOC_SIZE or EXT_SUPPORTS_OP about a node and reads size bytes. An operation that the dialect cannot
 * express is GW_ERR_UNSUPPORTED. Blocks. */
enum gw_status gw_ask_node(struct gw_link *link, enum gw_cmd cmd, uint32_t device, const struct ggml_tensor *node,
	void *reply, size_t size);

#endif
