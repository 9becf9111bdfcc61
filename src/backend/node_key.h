/* What a server's answer about an operation depends on, as bytes: a key of gw_answers. */
#ifndef GW_BACKEND_NODE_KEY_H
#define GW_BACKEND_NODE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

struct gw_node_key {
	size_t size;
	uint8_t bytes[1024];
};

/* The device, the operation with its parameters, and type, extents and strides of the result and of every source.
 * Places, names and flags are not part of it. */
void gw_node_key_make(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node);

#endif
