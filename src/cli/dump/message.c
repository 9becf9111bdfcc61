#include "cli/dump/message.h"

#include <inttypes.h>
#include <string.h>

#include "cli/dump/graph.h"
#include "cli/dump/peers.h"
#include "cli/dump/tensor.h"
#include "transport/rdma/message.h"
#include "wire/cursor.h"
#include "wire/ext_status.h"
#include "wire/extension.h"
#include "wire/message.h"

struct context {
	FILE *to;
	const struct gw_dialect *dialect;
	bool nodes;
};

/* Prints a body, or returns false if it is malformed. */
typedef bool (*printer)(const struct context *c, const uint8_t *body, size_t size);

static void print_caps(FILE *to, const uint8_t caps[GW_WIRE_CAPS])
{
	static const uint8_t none[GW_WIRE_CAPS];
	if (memcmp(caps, none, GW_WIRE_CAPS) == 0) {
		fprintf(to, "no RDMA");
		return;
	}
	fprintf(to, "RDMA: queue pair 0x%" PRIx32 ", first packet 0x%" PRIx32 ", gid ", gw_le32(caps),
		gw_le32(caps + 4));
	for (int i = 8; i < GW_WIRE_CAPS; i += 2)
		fprintf(to, "%s%02x%02x", i > 8 ? ":" : "", caps[i], caps[i + 1]);
}

static bool hello_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_hello_req m;
	if (!gw_wire_hello_req_decode(body, size, &m))
		return false;
	print_caps(c->to, m.caps);
	return true;
}

static bool hello_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_hello_rsp m;
	if (!gw_wire_hello_rsp_decode(body, size, &m))
		return false;
	fprintf(c->to, "version %u.%u.%u, extensions %u, ", m.version.major, m.version.minor, m.version.patch,
		m.extensions);
	print_caps(c->to, m.caps);
	return true;
}

static bool alloc_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_alloc_req m;
	if (!gw_wire_alloc_req_decode(body, size, &m))
		return false;
	fprintf(c->to, "device %" PRIu32 ", %" PRIu64 " bytes", m.device, m.size);
	return true;
}

static bool alloc_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_alloc_rsp m;
	if (!gw_wire_alloc_rsp_decode(body, size, &m))
		return false;
	if (m.buffer == 0)
		fprintf(c->to, "not allocated");
	else
		fprintf(c->to, "buffer 0x%" PRIx64 ", %" PRIu64 " bytes", m.buffer, m.size);
	return true;
}

static bool device_req(const struct context *c, const uint8_t *body, size_t size)
{
	uint32_t device;
	if (!gw_wire_device_req_decode(body, size, &device))
		return false;
	fprintf(c->to, "device %" PRIu32, device);
	return true;
}

static bool buffer_req(const struct context *c, const uint8_t *body, size_t size)
{
	uint64_t buffer;
	if (!gw_wire_buffer_req_decode(body, size, &buffer))
		return false;
	fprintf(c->to, "buffer 0x%" PRIx64, buffer);
	return true;
}

static bool number_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	uint64_t value;
	if (!gw_wire_u64_rsp_decode(body, size, &value))
		return false;
	fprintf(c->to, "%" PRIu64, value);
	return true;
}

static bool address_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	uint64_t value;
	if (!gw_wire_u64_rsp_decode(body, size, &value))
		return false;
	fprintf(c->to, "address 0x%" PRIx64, value);
	return true;
}

static bool count_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	uint32_t count;
	if (!gw_wire_count_rsp_decode(body, size, &count))
		return false;
	fprintf(c->to, "%" PRIu32, count);
	return true;
}

static bool bool_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	bool value;
	if (!gw_wire_bool_rsp_decode(body, size, &value))
		return false;
	fprintf(c->to, "%s", value ? "yes" : "no");
	return true;
}

static bool memory_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_memory_rsp m;
	if (!gw_wire_memory_rsp_decode(body, size, &m))
		return false;
	fprintf(c->to, "%" PRIu64 " of %" PRIu64 " bytes free", m.free, m.total);
	return true;
}

static bool data_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	(void)body;
	fprintf(c->to, "%zu bytes", size);
	return true;
}

static bool clear_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_clear_req m;
	if (!gw_wire_clear_req_decode(body, size, &m))
		return false;
	fprintf(c->to, "buffer 0x%" PRIx64 ", value %u", m.buffer, m.value);
	return true;
}

static bool set_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_set_req m;
	size_t fixed = gw_wire_set_req_size(c->dialect);
	if (size < fixed || !gw_wire_set_req_decode(c->dialect, body, fixed, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", %zu bytes%s", m.offset, size - fixed,
		m.cache_flag ? ", for the cache" : "");
	return true;
}

static bool set_hash_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_set_hash_req m;
	if (!gw_wire_set_hash_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", hash %016" PRIx64, m.offset, m.hash);
	return true;
}

static bool get_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_get_req m;
	if (!gw_wire_get_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", %" PRIu64 " bytes", m.offset, m.size);
	return true;
}

static bool copy_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_copy_req m;
	if (!gw_wire_copy_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.src);
	fprintf(c->to, " to ");
	gw_dump_tensor(c->to, c->dialect, &m.dst);
	return true;
}

static bool tensor_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_tensor m;
	if (!gw_wire_tensor_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m);
	return true;
}

static bool node_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_node_req m;
	if (!gw_wire_node_req_decode(c->dialect, body, size, &m))
		return false;
	fprintf(c->to, "device %" PRIu32 ", %s ", m.device, gw_dump_op(c->dialect, m.tensor.op));
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	return true;
}

static bool memset_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_memset_req m;
	if (!gw_wire_memset_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", %" PRIu64 " bytes, value %u", m.offset, m.size, m.value);
	return true;
}

static bool rows(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_2d_req m;
	if (size < GW_WIRE_2D_REQ || !gw_wire_2d_req_decode(c->dialect, body, GW_WIRE_2D_REQ, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", %" PRIu64 " rows of %" PRIu64 " bytes, %" PRIu64 " apart", m.offset,
		m.n_copies, m.size, m.stride);
	return true;
}

static bool comm_init_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_comm_init_req m;
	if (!gw_wire_comm_init_req_decode(body, size, &m))
		return false;
	fprintf(c->to, "device %" PRIu32 ", rank %" PRIu32 " of %" PRIu32 ", port %" PRIu32 ", host ", m.device, m.rank,
		m.world, m.port);
	gw_dump_text(c->to, m.host, sizeof(m.host));
	return true;
}

static bool allreduce_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_allreduce_req m;
	if (!gw_wire_allreduce_req_decode(c->dialect, body, size, &m))
		return false;
	fprintf(c->to, "device %" PRIu32 ", ", m.device);
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	return true;
}

static bool graph_req(const struct context *c, const uint8_t *body, size_t size)
{
	return gw_dump_graph(c->to, c->dialect, body, size, c->nodes);
}

static bool recompute_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_recompute_req m;
	if (!gw_wire_recompute_req_decode(c->dialect, body, size, &m))
		return false;
	fprintf(c->to, "device %" PRIu32, m.device);
	if (c->dialect->graph_uid)
		fprintf(c->to, ", uid %" PRIu64, m.uid);
	return true;
}

static bool nothing(const struct context *c, const uint8_t *body, size_t size)
{
	(void)c;
	(void)body;
	return size == 0;
}

static bool info_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_ext_info info;
	if (gw_ext_info_decode(body, size, &info) != GW_OK)
		return false;
	fprintf(c->to, "level %" PRIu32 ", flags 0x%" PRIx32 ", version ", info.level, info.flags);
	gw_dump_text(c->to, info.version, sizeof(info.version));
	for (uint32_t i = 0; i < info.n_devices; i++) {
		fprintf(c->to, ", device %" PRIu32 ": ", i);
		gw_dump_text(c->to, info.devices[i].name, sizeof(info.devices[i].name));
		fprintf(c->to, " with flags 0x%" PRIx32, info.devices[i].flags);
	}
	gw_ext_info_free(&info);
	return true;
}

static bool status_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_ext_status s;
	if (gw_ext_status_decode(body, size, &s) != GW_OK)
		return false;
	fprintf(c->to, "version ");
	gw_dump_text(c->to, s.version, sizeof(s.version));
	fprintf(c->to, ", %" PRIu32 " devices, %" PRIu32 " clients, %" PRIu64 " graphs", s.n_devices, s.n_clients,
		s.count[GW_COUNT_GRAPHS]);
	gw_ext_status_free(&s);
	return true;
}

static bool ext_alloc_rsp(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_ext_alloc_rsp m;
	if (size != GW_EXT_ALLOC_RSP)
		return false;
	gw_ext_alloc_rsp_decode(body, &m);
	if (m.buffer == 0)
		fprintf(c->to, "not allocated");
	else
		fprintf(c->to, "buffer 0x%" PRIx64 ", %" PRIu64 " bytes, address 0x%" PRIx64, m.buffer, m.size, m.base);
	return true;
}

static bool xxh3_req(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_wire_xxh3_req m;
	if (!gw_wire_xxh3_req_decode(c->dialect, body, size, &m))
		return false;
	gw_dump_tensor(c->to, c->dialect, &m.tensor);
	fprintf(c->to, ", offset %" PRIu64 ", %" PRIu64 " bytes, hash %016" PRIx64 "%016" PRIx64, m.offset, m.size,
		m.high, m.low);
	return true;
}

static bool stream_req(const struct context *c, const uint8_t *body, size_t size)
{
	if (size < GW_EXT_STREAM_FIXED)
		return false;
	fprintf(c->to, "%zu bytes, %" PRIu64 " back", size - GW_EXT_STREAM_FIXED, gw_le64(body));
	return true;
}

static bool alive_req(const struct context *c, const uint8_t *body, size_t size)
{
	uint32_t ms;
	if (!gw_ext_alive_decode(body, size, &ms))
		return false;
	fprintf(c->to, "every %" PRIu32 " ms", ms);
	return true;
}

static bool link_req(const struct context *c, const uint8_t *body, size_t size)
{
	return gw_dump_link_req(c->to, body, size);
}

static bool group_req(const struct context *c, const uint8_t *body, size_t size)
{
	return gw_dump_group_req(c->to, body, size);
}

static bool reduce_req(const struct context *c, const uint8_t *body, size_t size)
{
	return gw_dump_reduce_req(c->to, body, size);
}

static bool peers_copy_req(const struct context *c, const uint8_t *body, size_t size)
{
	return gw_dump_peers_copy_req(c->to, body, size);
}

static bool rdma(const struct context *c, const uint8_t *body, size_t size)
{
	struct gw_rdma_message m;
	if (!gw_rdma_message_decode(body, size, GW_RDMA_OFFER, &m) &&
		!gw_rdma_message_decode(body, size, GW_RDMA_CONFIRM, &m))
		return false;
	fprintf(c->to, "%s: %s", m.step == GW_RDMA_OFFER ? "offer" : "confirmation", m.yes ? "yes" : "no, ");
	if (!m.yes)
		gw_dump_text(c->to, m.reason, sizeof(m.reason));
	else if (m.step == GW_RDMA_OFFER)
		fprintf(c->to, ", queue pair 0x%" PRIx32 ", first packet 0x%" PRIx32, m.address.qpn, m.address.psn);
	return true;
}

struct printers {
	printer request;
	printer reply;
};

static const struct printers stock[GW_CMD_STOCK_COUNT] = {
	[GW_CMD_ALLOC_BUFFER] = {alloc_req, alloc_rsp},
	[GW_CMD_GET_ALIGNMENT] = {device_req, number_rsp},
	[GW_CMD_GET_MAX_SIZE] = {device_req, number_rsp},
	[GW_CMD_BUFFER_GET_BASE] = {buffer_req, address_rsp},
	[GW_CMD_FREE_BUFFER] = {buffer_req, nothing},
	[GW_CMD_BUFFER_CLEAR] = {clear_req, nothing},
	[GW_CMD_SET_TENSOR] = {set_req, NULL},
	[GW_CMD_SET_TENSOR_HASH] = {set_hash_req, bool_rsp},
	[GW_CMD_GET_TENSOR] = {get_req, data_rsp},
	[GW_CMD_COPY_TENSOR] = {copy_req, bool_rsp},
	[GW_CMD_GRAPH_COMPUTE] = {graph_req, NULL},
	[GW_CMD_GET_DEVICE_MEMORY] = {device_req, memory_rsp},
	[GW_CMD_INIT_TENSOR] = {tensor_req, nothing},
	[GW_CMD_GET_ALLOC_SIZE] = {node_req, number_rsp},
	[GW_CMD_HELLO] = {hello_req, hello_rsp},
	[GW_CMD_DEVICE_COUNT] = {nothing, count_rsp},
	[GW_CMD_GRAPH_RECOMPUTE] = {recompute_req, NULL},
	[GW_CMD_MEMSET_TENSOR] = {memset_req, nothing},
	[GW_CMD_SET_TENSOR_2D] = {rows, NULL},
	[GW_CMD_GET_TENSOR_2D] = {rows, data_rsp},
	[GW_CMD_COMM_INIT] = {comm_init_req, bool_rsp},
	[GW_CMD_COMM_ALLREDUCE] = {allreduce_req, NULL},
	[GW_CMD_COMM_FREE] = {device_req, NULL},
};

static const struct printers extensions[GW_CMD_EXT_END - GW_CMD_EXT_FIRST] = {
	[GW_CMD_EXT_INFO - GW_CMD_EXT_FIRST] = {data_rsp, info_rsp},
	[GW_CMD_EXT_SUPPORTS_OP - GW_CMD_EXT_FIRST] = {node_req, bool_rsp},
	[GW_CMD_EXT_RDMA - GW_CMD_EXT_FIRST] = {rdma, rdma},
	[GW_CMD_EXT_SET_TENSOR_XXH3 - GW_CMD_EXT_FIRST] = {xxh3_req, bool_rsp},
	[GW_CMD_EXT_ALLOC - GW_CMD_EXT_FIRST] = {alloc_req, ext_alloc_rsp},
	[GW_CMD_EXT_STATUS - GW_CMD_EXT_FIRST] = {nothing, status_rsp},
	[GW_CMD_EXT_STREAM - GW_CMD_EXT_FIRST] = {stream_req, data_rsp},
	[GW_CMD_EXT_ALIVE - GW_CMD_EXT_FIRST] = {alive_req, NULL},
	[GW_CMD_EXT_LINK - GW_CMD_EXT_FIRST] = {link_req, bool_rsp},
	[GW_CMD_EXT_GROUP - GW_CMD_EXT_FIRST] = {group_req, NULL},
	[GW_CMD_EXT_ALLREDUCE - GW_CMD_EXT_FIRST] = {reduce_req, NULL},
	[GW_CMD_EXT_SEND - GW_CMD_EXT_FIRST] = {peers_copy_req, NULL},
	[GW_CMD_EXT_RECEIVE - GW_CMD_EXT_FIRST] = {peers_copy_req, NULL},
};

/* For an unknown body, prints the size. */
static struct printers printers_of(unsigned cmd)
{
	if (cmd < GW_CMD_STOCK_COUNT)
		return stock[cmd];
	if (cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END && extensions[cmd - GW_CMD_EXT_FIRST].request)
		return extensions[cmd - GW_CMD_EXT_FIRST];
	return (struct printers){data_rsp, data_rsp};
}

static bool print(const struct context *c, printer p, const uint8_t *body, size_t size)
{
	bool good = p && p(c, body, size);
	if (!good)
		fprintf(c->to, "%zu bytes that are not a body of this command", size);
	fprintf(c->to, "\n");
	return good;
}

bool gw_dump_request(FILE *to, const struct gw_dialect *dialect, const struct gw_exchange *x, bool nodes)
{
	const struct context c = {to, dialect, nodes};
	return print(&c, printers_of(x->cmd).request, x->request, x->request_size);
}

bool gw_dump_reply(FILE *to, const struct gw_dialect *dialect, const struct gw_exchange *x)
{
	const struct context c = {to, dialect, false};
	return print(&c, printers_of(x->cmd).reply, x->reply, x->reply_size);
}
