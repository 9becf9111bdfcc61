/* Every decoder, in every dialect: input[0] chooses the decoder, input[1] the dialect. What was decoded is encoded, and
 * decoded again to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/rdma/message.h"
#include "wire/ext_status.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gw_dialect *d;

static void same(const void *a, const void *b, size_t size)
{
	if (memcmp(a, b, size) != 0)
		abort();
}

/* A codec that keeps every byte of a message that it takes. */
#define EXACT(type, name, wire, ...)                                         \
	static void name(const uint8_t *body, size_t size)                   \
	{                                                                    \
		uint8_t out[GW_WIRE_MAX_FIXED];                              \
		type m, again;                                               \
		memset(&m, 0, sizeof(m));                                    \
		memset(&again, 0, sizeof(again));                            \
		if (!wire##_decode(__VA_ARGS__ body, size, &m))              \
			return;                                              \
		size_t n = wire##_encode(__VA_ARGS__ & m, out);              \
		if (n != size || !wire##_decode(__VA_ARGS__ out, n, &again)) \
			abort();                                             \
		same(&m, &again, sizeof(m));                                 \
	}

EXACT(struct gw_wire_hello_req, hello_req, gw_wire_hello_req)
EXACT(struct gw_wire_hello_rsp, hello_rsp, gw_wire_hello_rsp)
EXACT(struct gw_wire_alloc_req, alloc_req, gw_wire_alloc_req)
EXACT(struct gw_wire_alloc_rsp, alloc_rsp, gw_wire_alloc_rsp)
EXACT(struct gw_wire_memory_rsp, memory_rsp, gw_wire_memory_rsp)
EXACT(struct gw_wire_clear_req, clear_req, gw_wire_clear_req)
EXACT(struct gw_wire_comm_init_req, comm_init_req, gw_wire_comm_init_req)
EXACT(struct gw_wire_set_req, set_req, gw_wire_set_req, d, )
EXACT(struct gw_wire_set_hash_req, set_hash_req, gw_wire_set_hash_req, d, )
EXACT(struct gw_wire_get_req, get_req, gw_wire_get_req, d, )
EXACT(struct gw_wire_copy_req, copy_req, gw_wire_copy_req, d, )
EXACT(struct gw_wire_tensor, tensor_req, gw_wire_tensor_req, d, )
EXACT(struct gw_wire_node_req, node_req, gw_wire_node_req, d, )
EXACT(struct gw_wire_memset_req, memset_req, gw_wire_memset_req, d, )
EXACT(struct gw_wire_2d_req, rows_req, gw_wire_2d_req, d, )
EXACT(struct gw_wire_allreduce_req, allreduce_req, gw_wire_allreduce_req, d, )
EXACT(struct gw_peers_link_req, link_req, gw_peers_link_req)
EXACT(struct gw_peers_group_req, group_req, gw_peers_group_req)
EXACT(struct gw_peers_reduce_req, reduce_req, gw_peers_reduce_req)
EXACT(struct gw_peers_copy_req, peers_copy_req, gw_peers_copy_req)
EXACT(struct gw_wire_recompute_req, recompute_req, gw_wire_recompute_req, d, )
EXACT(struct gw_wire_xxh3_req, xxh3_req, gw_wire_xxh3_req, d, )

static void numbers(const uint8_t *body, size_t size)
{
	uint64_t u64;
	uint32_t u32;
	bool flag;
	(void)gw_wire_device_req_decode(body, size, &u32);
	(void)gw_wire_buffer_req_decode(body, size, &u64);
	(void)gw_wire_u64_rsp_decode(body, size, &u64);
	(void)gw_wire_count_rsp_decode(body, size, &u32);
	(void)gw_wire_bool_rsp_decode(body, size, &flag);
}

static void graph(const uint8_t *body, size_t size)
{
	struct gw_wire_graph g;
	struct gw_wire_tensor t;
	static volatile uint64_t seen;
	if (!gw_wire_graph_decode(d, body, size, &g))
		return;
	for (uint32_t i = 0; i < g.n_nodes; i++)
		seen = gw_wire_graph_node_id(&g, i);
	for (uint32_t i = 0; i < g.n_tensors; i++) {
		gw_wire_graph_tensor(d, &g, i, &t);
		seen = strlen(t.name);
	}
	(void)seen;
}

static void info(const uint8_t *body, size_t size)
{
	struct gw_ext_info i;
	struct gw_buf out = {0};
	if (gw_ext_info_decode(body, size, &i) != GW_OK)
		return;
	(void)gw_ext_info_encode(&i, &out);
	gw_buf_free(&out);
	gw_ext_info_free(&i);
}

static void status(const uint8_t *body, size_t size)
{
	struct gw_ext_status s, again;
	struct gw_buf out = {0}, second = {0};
	if (gw_ext_status_decode(body, size, &s) != GW_OK)
		return;
	if (gw_ext_status_encode(&s, &out) == GW_OK) {
		/* What was understood says the same when it is said again. */
		if (gw_ext_status_decode(out.data, out.len, &again) || gw_ext_status_encode(&again, &second) ||
			second.len != out.len)
			abort();
		same(out.data, second.data, out.len);
		gw_ext_status_free(&again);
	}
	gw_buf_free(&second);
	gw_buf_free(&out);
	gw_ext_status_free(&s);
}

static void extensions(const uint8_t *body, size_t size)
{
	uint8_t out[GW_RDMA_MESSAGE_MAX];
	struct gw_rdma_message rdma;
	uint32_t ms;
	for (enum gw_rdma_step step = GW_RDMA_OFFER; step <= GW_RDMA_CONFIRM; step++)
		if (gw_rdma_message_decode(body, size, step, &rdma) &&
			!gw_rdma_message_decode(out, gw_rdma_message_encode(&rdma, out), step, &rdma))
			abort();
	if (gw_ext_alive_decode(body, size, &ms) && (ms < GW_EXT_ALIVE_MIN_MS || ms > GW_EXT_ALIVE_MAX_MS))
		abort();
}

static void (*const targets[])(const uint8_t *body, size_t size) = {hello_req, hello_rsp, alloc_req, alloc_rsp,
	memory_rsp, clear_req, comm_init_req, set_req, set_hash_req, get_req, copy_req, tensor_req, node_req,
	memset_req, rows_req, allreduce_req, recompute_req, numbers, graph, info, status, xxh3_req, extensions,
	link_req, group_req, reduce_req, peers_copy_req};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t n_dialects = 0;
	while (gw_dialect_at(n_dialects))
		n_dialects++;
	d = gw_dialect_at(data[1] % n_dialects);
	targets[data[0] % (sizeof(targets) / sizeof(targets[0]))](data + 2, size - 2);
	return 0;
}
