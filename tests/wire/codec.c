#include "wire/codec.h"

#include "wire/message.h"

const struct gw_dialect codec_dialect_4_0 = {
	.version = {4, 0, 0},
	.n_commands = GW_CMD_GRAPH_RECOMPUTE + 1,
	.empty_reply = 1u << GW_CMD_FREE_BUFFER | 1u << GW_CMD_BUFFER_CLEAR | 1u << GW_CMD_INIT_TENSOR,
	.ops = &gw_ops_96,
	.types = &gw_types_42,
};

#define CODEC(name, type, encoded, decoded)                                                                 \
	static size_t encode_##name(const struct gw_dialect *d, const void *message, uint8_t *out)          \
	{                                                                                                   \
		(void)d;                                                                                    \
		return encoded;                                                                             \
	}                                                                                                   \
	static bool decode_##name(const struct gw_dialect *d, const void *body, size_t size, void *message) \
	{                                                                                                   \
		(void)d;                                                                                    \
		return decoded;                                                                             \
	}                                                                                                   \
	static const struct codec codec_##name = {sizeof(type), encode_##name, decode_##name};

/* Three kinds of codecs: PLAIN ones are the same in every dialect, numbers are passed to encoders by value, and others
 * depend on the dialect. */
#define PLAIN(name, type) \
	CODEC(name, type, gw_wire_##name##_encode(message, out), gw_wire_##name##_decode(body, size, message))
#define SCALAR(name, type)                                                      \
	CODEC(name, type, gw_wire_##name##_encode(*(const type *)message, out), \
		gw_wire_##name##_decode(body, size, message))
#define VARYING(name, type) \
	CODEC(name, type, gw_wire_##name##_encode(d, message, out), gw_wire_##name##_decode(d, body, size, message))

PLAIN(hello_req, struct gw_wire_hello_req)
PLAIN(hello_rsp, struct gw_wire_hello_rsp)
PLAIN(alloc_req, struct gw_wire_alloc_req)
PLAIN(alloc_rsp, struct gw_wire_alloc_rsp)
SCALAR(device_req, uint32_t)
SCALAR(buffer_req, uint64_t)
SCALAR(u64_rsp, uint64_t)
SCALAR(count_rsp, uint32_t)
SCALAR(bool_rsp, bool)
PLAIN(memory_rsp, struct gw_wire_memory_rsp)
PLAIN(clear_req, struct gw_wire_clear_req)
VARYING(set_req, struct gw_wire_set_req)
VARYING(set_hash_req, struct gw_wire_set_hash_req)
VARYING(get_req, struct gw_wire_get_req)
VARYING(copy_req, struct gw_wire_copy_req)
VARYING(tensor_req, struct gw_wire_tensor)
VARYING(node_req, struct gw_wire_node_req)
VARYING(memset_req, struct gw_wire_memset_req)
VARYING(2d_req, struct gw_wire_2d_req)
PLAIN(comm_init_req, struct gw_wire_comm_init_req)
VARYING(allreduce_req, struct gw_wire_allreduce_req)
VARYING(recompute_req, struct gw_wire_recompute_req)

_Static_assert(sizeof(struct gw_wire_node_req) <= CODEC_MAX_OBJECT, "the largest message");

static const struct codec *const requests[GW_CMD_STOCK_COUNT] = {
	[GW_CMD_ALLOC_BUFFER] = &codec_alloc_req,
	[GW_CMD_GET_ALIGNMENT] = &codec_device_req,
	[GW_CMD_GET_MAX_SIZE] = &codec_device_req,
	[GW_CMD_BUFFER_GET_BASE] = &codec_buffer_req,
	[GW_CMD_FREE_BUFFER] = &codec_buffer_req,
	[GW_CMD_BUFFER_CLEAR] = &codec_clear_req,
	[GW_CMD_SET_TENSOR] = &codec_set_req,
	[GW_CMD_SET_TENSOR_HASH] = &codec_set_hash_req,
	[GW_CMD_GET_TENSOR] = &codec_get_req,
	[GW_CMD_COPY_TENSOR] = &codec_copy_req,
	[GW_CMD_GET_DEVICE_MEMORY] = &codec_device_req,
	[GW_CMD_INIT_TENSOR] = &codec_tensor_req,
	[GW_CMD_GET_ALLOC_SIZE] = &codec_node_req,
	[GW_CMD_HELLO] = &codec_hello_req,
	[GW_CMD_GRAPH_RECOMPUTE] = &codec_recompute_req,
	[GW_CMD_MEMSET_TENSOR] = &codec_memset_req,
	[GW_CMD_SET_TENSOR_2D] = &codec_2d_req,
	[GW_CMD_GET_TENSOR_2D] = &codec_2d_req,
	[GW_CMD_COMM_INIT] = &codec_comm_init_req,
	[GW_CMD_COMM_ALLREDUCE] = &codec_allreduce_req,
	[GW_CMD_COMM_FREE] = &codec_device_req,
};

static const struct codec *const replies[GW_CMD_STOCK_COUNT] = {
	[GW_CMD_ALLOC_BUFFER] = &codec_alloc_rsp,
	[GW_CMD_GET_ALIGNMENT] = &codec_u64_rsp,
	[GW_CMD_GET_MAX_SIZE] = &codec_u64_rsp,
	[GW_CMD_BUFFER_GET_BASE] = &codec_u64_rsp,
	[GW_CMD_SET_TENSOR_HASH] = &codec_bool_rsp,
	[GW_CMD_COPY_TENSOR] = &codec_bool_rsp,
	[GW_CMD_GET_DEVICE_MEMORY] = &codec_memory_rsp,
	[GW_CMD_GET_ALLOC_SIZE] = &codec_u64_rsp,
	[GW_CMD_HELLO] = &codec_hello_rsp,
	[GW_CMD_DEVICE_COUNT] = &codec_count_rsp,
	[GW_CMD_COMM_INIT] = &codec_bool_rsp,
};

const struct codec *codec_of_request(unsigned cmd)
{
	return cmd < GW_CMD_STOCK_COUNT ? requests[cmd] : NULL;
}

const struct codec *codec_of_reply(unsigned cmd)
{
	return cmd < GW_CMD_STOCK_COUNT ? replies[cmd] : NULL;
}
