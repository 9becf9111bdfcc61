/* What a server's answer about an operation depends on, as bytes: a key of gw_reply_cache. */
#ifndef GW_BACKEND_ANSWERS_NODE_KEY_H
#define GW_BACKEND_ANSWERS_NODE_KEY_H

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

/* The same where the server says GW_EXT_DEVICE_SHAPES: what has the same answer has the same key. A prompt's attention
 * has other extents in every micro-batch, but the same shapes. */
void gw_node_key_make_shapes(struct gw_node_key *key, uint32_t device, const struct ggml_tensor *node);

#endif
