#include "device/commands/dispatch.h"

#include "base/clock.h"
#include "device/commands/commands.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/peers.h"

#define TENSOR GW_WIRE_TENSOR_SIZE

struct command {
	size_t min; /* bytes of the body; decoders know the exact size in the dialect */
	size_t max; /* bodies up to GW_WIRE_MAX_FIXED are read before the handler is called */
	gw_body_handler body;
	gw_stream_handler stream;

	/* About the server and its devices, with an answer that depends on nothing that a client sent before. It keeps
	 * nothing, and neither writes memory that a client can name nor runs code of ggml on a client's tensors. A
	 * process that has executed anything else never serves another client, so leave it out in doubt. */
	bool question;
};

static const struct command stock[] = {
	[GW_CMD_ALLOC_BUFFER] = {12, 12, .body = gw_do_alloc_buffer},
	[GW_CMD_GET_ALIGNMENT] = {4, 4, .body = gw_do_get_alignment, .question = true},
	[GW_CMD_GET_MAX_SIZE] = {4, 4, .body = gw_do_get_max_size, .question = true},
	[GW_CMD_BUFFER_GET_BASE] = {8, 8, .body = gw_do_buffer_get_base},
	[GW_CMD_FREE_BUFFER] = {8, 8, .body = gw_do_free_buffer},
	[GW_CMD_BUFFER_CLEAR] = {9, 9, .body = gw_do_buffer_clear},
	[GW_CMD_SET_TENSOR] = {TENSOR + 8, SIZE_MAX, .stream = gw_do_set_tensor},
	[GW_CMD_SET_TENSOR_HASH] = {TENSOR + 16, TENSOR + 16, .body = gw_do_set_tensor_hash},
	[GW_CMD_GET_TENSOR] = {GW_WIRE_GET_REQ, GW_WIRE_GET_REQ, .body = gw_do_get_tensor},
	[GW_CMD_COPY_TENSOR] = {2 * TENSOR, 2 * TENSOR, .body = gw_do_copy_tensor},
	[GW_CMD_GRAPH_COMPUTE] = {12, (size_t)512 << 20, .stream = gw_do_graph_compute},
	[GW_CMD_GET_DEVICE_MEMORY] = {4, 4, .body = gw_do_get_device_memory, .question = true},
	[GW_CMD_INIT_TENSOR] = {TENSOR, TENSOR, .body = gw_do_init_tensor},
	[GW_CMD_GET_ALLOC_SIZE] = {4 + 11 * TENSOR, 4 + 11 * TENSOR, .body = gw_do_get_alloc_size},
	[GW_CMD_HELLO] = {0},
	[GW_CMD_DEVICE_COUNT] = {0, 0, .body = gw_do_device_count, .question = true},
	[GW_CMD_GRAPH_RECOMPUTE] = {4, 12, .body = gw_do_graph_recompute},
	[GW_CMD_MEMSET_TENSOR] = {TENSOR + 17, TENSOR + 17, .body = gw_do_memset_tensor},
	[GW_CMD_SET_TENSOR_2D] = {GW_WIRE_2D_REQ, SIZE_MAX, .stream = gw_do_set_tensor_2d},
	[GW_CMD_GET_TENSOR_2D] = {GW_WIRE_2D_REQ, GW_WIRE_2D_REQ, .body = gw_do_get_tensor_2d},
	[GW_CMD_COMM_INIT] = {80, 80, .body = gw_do_comm_init},
	[GW_CMD_COMM_ALLREDUCE] = {4 + TENSOR, 4 + TENSOR, .body = gw_do_comm_allreduce},
	[GW_CMD_COMM_FREE] = {4, 4, .body = gw_do_comm_free},
};
_Static_assert(sizeof(stock) / sizeof(stock[0]) == GW_CMD_STOCK_COUNT, "every command has its entry");

static const struct command extension[] = {
	[GW_CMD_EXT_INFO - GW_CMD_EXT_FIRST] = {4, 4, .body = gw_do_ext_info, .question = true},
	[GW_CMD_EXT_SUPPORTS_OP - GW_CMD_EXT_FIRST] = {4 + 11 * TENSOR, 4 + 11 * TENSOR, .body = gw_do_ext_supports_op},
	[GW_CMD_EXT_SET_TENSOR_XXH3 -
		GW_CMD_EXT_FIRST] = {GW_WIRE_XXH3_REQ, GW_WIRE_XXH3_REQ, .body = gw_do_ext_set_tensor_xxh3},
	[GW_CMD_EXT_ALLOC - GW_CMD_EXT_FIRST] = {12, 12, .body = gw_do_ext_alloc},
	[GW_CMD_EXT_STATUS - GW_CMD_EXT_FIRST] = {0, 0, .body = gw_do_ext_status, .question = true},
	[GW_CMD_EXT_STREAM - GW_CMD_EXT_FIRST] = {GW_EXT_STREAM_FIXED, GW_EXT_STREAM_FIXED + GW_EXT_STREAM_MAX,
		.stream = gw_do_ext_stream},
	[GW_CMD_EXT_ALIVE -
		GW_CMD_EXT_FIRST] = {GW_EXT_ALIVE_REQ, GW_EXT_ALIVE_REQ, .body = gw_do_ext_alive, .question = true},
	[GW_CMD_EXT_LINK - GW_CMD_EXT_FIRST] = {GW_PEERS_LINK_REQ, GW_PEERS_LINK_REQ, .body = gw_do_ext_link},
	[GW_CMD_EXT_GROUP - GW_CMD_EXT_FIRST] = {GW_PEERS_GROUP_REQ, GW_PEERS_GROUP_REQ, .body = gw_do_ext_group},
	[GW_CMD_EXT_ALLREDUCE - GW_CMD_EXT_FIRST] = {GW_PEERS_REDUCE_FIXED + GW_PEERS_OPERAND, GW_PEERS_REDUCE_MAX,
		.body = gw_do_ext_allreduce},
	[GW_CMD_EXT_SEND - GW_CMD_EXT_FIRST] = {GW_PEERS_COPY_REQ, GW_PEERS_COPY_REQ, .body = gw_do_ext_send},
	[GW_CMD_EXT_RECEIVE - GW_CMD_EXT_FIRST] = {GW_PEERS_COPY_REQ, GW_PEERS_COPY_REQ, .body = gw_do_ext_receive},
	[GW_CMD_EXT_RDMA - GW_CMD_EXT_FIRST] = {0}, /* belongs to the handshake, and comes no later */
};
_Static_assert(
	sizeof(extension) / sizeof(extension[0]) == GW_CMD_EXT_END - GW_CMD_EXT_FIRST, "every command has its entry");

static const struct command *find(const struct gw_dialect *dialect, unsigned cmd)
{
	const struct command *c = NULL;

	if (cmd >= GW_CMD_EXT_FIRST && cmd < GW_CMD_EXT_END)
		c = &extension[cmd - GW_CMD_EXT_FIRST];
	else if (cmd < GW_CMD_STOCK_COUNT && gw_dialect_has(dialect, cmd))
		c = &stock[cmd];
	return c && (c->body || c->stream) ? c : NULL;
}

static enum gw_status refuse_command(const struct gw_dialect *dialect, unsigned cmd, struct gw_error *err)
{
	if (cmd == GW_CMD_HELLO)
		return gw_error_set(err, GW_ERR_PROTOCOL, "sent a second time");
	return gw_error_set(err, GW_ERR_PROTOCOL, "protocol %u.%u.%u has no command %u", dialect->version.major,
		dialect->version.minor, dialect->version.patch, cmd);
}

static void taint(struct gw_session *s)
{
	s->tainted = true;
	gw_counters_set(&s->counters->tool, false);
}

/* Before it is executed. */
static enum gw_status admit(struct gw_session *s, const struct command *c, unsigned cmd, struct gw_error *err)
{
	s->introduced |= cmd >= GW_CMD_EXT_FIRST;
	if (s->refused.reason && !(c->question && s->introduced))
		return gw_error_set(err, GW_ERR_LIMIT, "this connection accepts only queries");
	if (!c->question && !s->tainted)
		taint(s);
	return GW_OK;
}

static enum gw_status call(struct gw_session *s, const struct command *c, uint64_t size, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];

	if (size < c->min || size > c->max)
		return gw_error_set(err, GW_ERR_PROTOCOL, "invalid size: %llu bytes, expected %zu to %zu",
			(unsigned long long)size, c->min, c->max);
	if (c->stream)
		return c->stream(s, err);
	enum gw_status st = gw_connection_read(s->peer, body, size, err);
	return st == GW_OK ? c->body(s, body, size, err) : st;
}

static enum gw_status execute(struct gw_session *s, unsigned cmd, uint64_t size, struct gw_error *err)
{
	const struct command *c = find(s->dialect, cmd);
	if (!c)
		return refuse_command(s->dialect, cmd, err);
	enum gw_status st = admit(s, c, cmd, err);
	if (st == GW_OK)
		st = call(s, c, size, err);
	if (st == GW_OK)
		st = gw_session_outcome(s, err);
	if (st == GW_OK && cmd < GW_CMD_EXT_FIRST && gw_dialect_reply(s->dialect, cmd) == GW_REPLY_EMPTY)
		st = gw_connection_reply(s->peer, NULL, 0, err);
	return st;
}

enum gw_status gw_dispatch_run(struct gw_session *s, struct gw_error *err)
{
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		unsigned cmd;
		uint64_t size;
		enum gw_status st = gw_connection_next(s->peer, &cmd, &size, err);
		if (st != GW_OK)
			return st;
		gw_counters_set(&s->counters->active_ns, gw_clock_coarse_ns());
		gw_counters_set(&s->counters->rdma, gw_connection_is_upgraded(s->peer));
		st = execute(s, cmd, size, err);
		if (st != GW_OK) {
			gw_error_prefix(err, "%s", gw_cmd_name(cmd));
			return st;
		}
	}
	return gw_error_set(err, GW_ERR_LOST, "the client has gone");
}
