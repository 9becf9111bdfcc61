/* Requests and replies, one struct and a codec pair each. Sizes and offsets: docs/protocol.md, "Commands".
 *
 * Every decoder takes the whole body (for SET_TENSOR and SET_TENSOR_2D: the fixed part before the data) and is true
 * only if the size is exactly right; otherwise the message's contents are unspecified. Encoders write the whole fixed
 * part and return its size; out must have room for GW_WIRE_MAX_FIXED bytes unless said otherwise. */
#ifndef GW_WIRE_MESSAGE_H
#define GW_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dialect.h"
#include "wire/tensor.h"

#define GW_WIRE_MAX_FIXED 3260 /* GET_ALLOC_SIZE */
#define GW_WIRE_CAPS 24

/* HELLO. caps is opaque here: docs/protocol.md, "conn_caps". */
struct gw_wire_hello_req {
	uint8_t caps[GW_WIRE_CAPS];
};
struct gw_wire_hello_rsp {
	struct gw_version version;
	uint8_t extensions; /* the stock padding byte: 0 from a stock server, a GW_EXT_LEVEL from a ggwire one */
	uint8_t caps[GW_WIRE_CAPS];
};
#define GW_WIRE_HELLO_REQ 24
#define GW_WIRE_HELLO_RSP 28
size_t gw_wire_hello_req_encode(const struct gw_wire_hello_req *m, uint8_t *out);
bool gw_wire_hello_req_decode(const void *body, size_t size, struct gw_wire_hello_req *m);
size_t gw_wire_hello_rsp_encode(const struct gw_wire_hello_rsp *m, uint8_t *out);
bool gw_wire_hello_rsp_decode(const void *body, size_t size, struct gw_wire_hello_rsp *m);

/* ALLOC_BUFFER */
struct gw_wire_alloc_req {
	uint32_t device;
	uint64_t size;
};
struct gw_wire_alloc_rsp {
	uint64_t buffer; /* 0 = not allocated */
	uint64_t size;
};
size_t gw_wire_alloc_req_encode(const struct gw_wire_alloc_req *m, uint8_t *out);
bool gw_wire_alloc_req_decode(const void *body, size_t size, struct gw_wire_alloc_req *m);
size_t gw_wire_alloc_rsp_encode(const struct gw_wire_alloc_rsp *m, uint8_t *out);
bool gw_wire_alloc_rsp_decode(const void *body, size_t size, struct gw_wire_alloc_rsp *m);

/* GET_ALIGNMENT, GET_MAX_SIZE, GET_DEVICE_MEMORY, COMM_FREE: a device. */
size_t gw_wire_device_req_encode(uint32_t device, uint8_t *out);
bool gw_wire_device_req_decode(const void *body, size_t size, uint32_t *device);

/* BUFFER_GET_BASE, FREE_BUFFER: a buffer. */
size_t gw_wire_buffer_req_encode(uint64_t buffer, uint8_t *out);
bool gw_wire_buffer_req_decode(const void *body, size_t size, uint64_t *buffer);

/* Replies of one number: GET_ALIGNMENT, GET_MAX_SIZE, BUFFER_GET_BASE, GET_ALLOC_SIZE. */
size_t gw_wire_u64_rsp_encode(uint64_t value, uint8_t *out);
bool gw_wire_u64_rsp_decode(const void *body, size_t size, uint64_t *value);

/* DEVICE_COUNT's reply. */
size_t gw_wire_count_rsp_encode(uint32_t count, uint8_t *out);
bool gw_wire_count_rsp_decode(const void *body, size_t size, uint32_t *count);

/* Replies of one byte: SET_TENSOR_HASH, COPY_TENSOR, COMM_INIT, EXT_SUPPORTS_OP. Any value but 0 is true. */
size_t gw_wire_bool_rsp_encode(bool value, uint8_t *out);
bool gw_wire_bool_rsp_decode(const void *body, size_t size, bool *value);

/* GET_DEVICE_MEMORY's reply, bytes. */
struct gw_wire_memory_rsp {
	uint64_t free;
	uint64_t total;
};
size_t gw_wire_memory_rsp_encode(const struct gw_wire_memory_rsp *m, uint8_t *out);
bool gw_wire_memory_rsp_decode(const void *body, size_t size, struct gw_wire_memory_rsp *m);

/* BUFFER_CLEAR */
struct gw_wire_clear_req {
	uint64_t buffer;
	uint8_t value;
};
size_t gw_wire_clear_req_encode(const struct gw_wire_clear_req *m, uint8_t *out);
bool gw_wire_clear_req_decode(const void *body, size_t size, struct gw_wire_clear_req *m);

/* SET_TENSOR: this, then the data. cache_flag is there from 7.0 on (false otherwise). */
struct gw_wire_set_req {
	struct gw_wire_tensor tensor;
	bool cache_flag;
	uint64_t offset;
};
size_t gw_wire_set_req_size(const struct gw_dialect *d);
size_t gw_wire_set_req_encode(const struct gw_dialect *d, const struct gw_wire_set_req *m, uint8_t *out);
bool gw_wire_set_req_decode(const struct gw_dialect *d, const void *fixed, size_t size, struct gw_wire_set_req *m);

/* SET_TENSOR_HASH */
struct gw_wire_set_hash_req {
	struct gw_wire_tensor tensor;
	uint64_t offset;
	uint64_t hash; /* FNV-1a 64 of the data */
};
size_t gw_wire_set_hash_req_encode(const struct gw_dialect *d, const struct gw_wire_set_hash_req *m, uint8_t *out);
bool gw_wire_set_hash_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_set_hash_req *m);

/* EXT_SET_TENSOR_XXH3: as SET_TENSOR_HASH, with XXH3-128 (seed 0) and the number of bytes. */
#define GW_WIRE_XXH3_REQ 328
struct gw_wire_xxh3_req {
	struct gw_wire_tensor tensor;
	uint64_t offset;
	uint64_t size;
	uint64_t low; /* of the hash */
	uint64_t high;
};
size_t gw_wire_xxh3_req_encode(const struct gw_dialect *d, const struct gw_wire_xxh3_req *m, uint8_t *out);
bool gw_wire_xxh3_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_xxh3_req *m);

/* GET_TENSOR; its reply is the data. */
struct gw_wire_get_req {
	struct gw_wire_tensor tensor;
	uint64_t offset;
	uint64_t size;
};
#define GW_WIRE_GET_REQ 312
size_t gw_wire_get_req_encode(const struct gw_dialect *d, const struct gw_wire_get_req *m, uint8_t *out);
bool gw_wire_get_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_get_req *m);

/* COPY_TENSOR */
struct gw_wire_copy_req {
	struct gw_wire_tensor src;
	struct gw_wire_tensor dst;
};
size_t gw_wire_copy_req_encode(const struct gw_dialect *d, const struct gw_wire_copy_req *m, uint8_t *out);
bool gw_wire_copy_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_copy_req *m);

/* INIT_TENSOR: a tensor. */
size_t gw_wire_tensor_req_encode(const struct gw_dialect *d, const struct gw_wire_tensor *m, uint8_t *out);
bool gw_wire_tensor_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_tensor *m);

/* GET_ALLOC_SIZE and EXT_SUPPORTS_OP: a device, a tensor, and its sources (id 0 = none). */
struct gw_wire_node_req {
	uint32_t device;
	struct gw_wire_tensor tensor;
	struct gw_wire_tensor src[GW_WIRE_SRC];
};
size_t gw_wire_node_req_encode(const struct gw_dialect *d, const struct gw_wire_node_req *m, uint8_t *out);
bool gw_wire_node_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_node_req *m);

/* MEMSET_TENSOR (5.0) */
struct gw_wire_memset_req {
	struct gw_wire_tensor tensor;
	uint64_t offset;
	uint64_t size;
	uint8_t value;
};
size_t gw_wire_memset_req_encode(const struct gw_dialect *d, const struct gw_wire_memset_req *m, uint8_t *out);
bool gw_wire_memset_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_memset_req *m);

/* SET_TENSOR_2D (this, then size * n_copies bytes, rows packed) and GET_TENSOR_2D (reply: the packed rows), 8.0. */
struct gw_wire_2d_req {
	struct gw_wire_tensor tensor;
	uint64_t offset;
	uint64_t size;     /* bytes of one row */
	uint64_t n_copies; /* rows */
	uint64_t stride;   /* bytes from one row to the next in the tensor */
};
#define GW_WIRE_2D_REQ 328
size_t gw_wire_2d_req_encode(const struct gw_dialect *d, const struct gw_wire_2d_req *m, uint8_t *out);
bool gw_wire_2d_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_2d_req *m);

/* COMM_INIT (8.0) */
#define GW_WIRE_COMM_HOST 64
struct gw_wire_comm_init_req {
	uint32_t device;
	uint32_t rank;
	uint32_t world;
	uint32_t port;
	char host[GW_WIRE_COMM_HOST]; /* zero-padded; NUL-terminated after decoding */
};
size_t gw_wire_comm_init_req_encode(const struct gw_wire_comm_init_req *m, uint8_t *out);
bool gw_wire_comm_init_req_decode(const void *body, size_t size, struct gw_wire_comm_init_req *m);

/* COMM_ALLREDUCE (8.0) */
struct gw_wire_allreduce_req {
	uint32_t device;
	struct gw_wire_tensor tensor;
};
size_t gw_wire_allreduce_req_encode(const struct gw_dialect *d, const struct gw_wire_allreduce_req *m, uint8_t *out);
bool gw_wire_allreduce_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_allreduce_req *m);

/* GRAPH_RECOMPUTE. uid is there from 8.0 on (0 otherwise). */
struct gw_wire_recompute_req {
	uint32_t device;
	uint64_t uid;
};
size_t gw_wire_recompute_req_encode(const struct gw_dialect *d, const struct gw_wire_recompute_req *m, uint8_t *out);
bool gw_wire_recompute_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_recompute_req *m);

/* GRAPH_COMPUTE: a header, node ids, a count, tensors. Decoding checks the counts against the size and yields views
 * into body, which must outlive them; ids and tensors are read one by one with the functions below. */
struct gw_wire_graph {
	uint32_t device;
	uint64_t uid; /* 0 = not to be kept, or a dialect without uids */
	uint32_t n_nodes;
	uint32_t n_tensors;
	const uint8_t *node_ids; /* n_nodes * 8 bytes */
	const uint8_t *tensors;  /* n_tensors * GW_WIRE_TENSOR_SIZE bytes */
};
/* Trailing bytes are ignored, as the stock server does. */
bool gw_wire_graph_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_graph *g);
uint64_t gw_wire_graph_node_id(const struct gw_wire_graph *g, uint32_t i);
uint64_t gw_wire_graph_tensor_id(const struct gw_wire_graph *g, uint32_t i);
void gw_wire_graph_links(const struct gw_wire_graph *g, uint32_t i, uint64_t ids[GW_WIRE_SRC + 1]);
void gw_wire_graph_tensor(
	const struct gw_dialect *d, const struct gw_wire_graph *g, uint32_t i, struct gw_wire_tensor *t);

/* Encoding: the size of the whole, and where its parts go. The caller fills ids and tensors in place with
 * gw_put_le64 and gw_wire_tensor_encode. size must be what gw_wire_graph_size gave; false if a count overflows it. */
bool gw_wire_graph_size(const struct gw_dialect *d, uint32_t n_nodes, uint32_t n_tensors, size_t *size);
void gw_wire_graph_begin(const struct gw_dialect *d, uint32_t device, uint64_t uid, uint32_t n_nodes,
	uint32_t n_tensors, uint8_t *out, uint8_t **node_ids, uint8_t **tensors);

/* Changes the uid of an encoded graph. Dialects without uids ignore it. */
void gw_wire_graph_set_uid(const struct gw_dialect *d, uint64_t uid, uint8_t *body);

#endif
