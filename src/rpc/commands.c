#include "rpc/commands.h"

#include <stdlib.h>

#include "rpc/client_state.h"
#include "wire/cursor.h"

static enum gw_status explained(const struct gw_client *c, enum gw_status status, struct gw_error *err)
{
	return status ? gw_client_explain(c, status, err) : GW_OK;
}

static enum gw_status post(struct gw_client *c, enum gw_cmd cmd, const void *body, size_t size, struct gw_error *err)
{
	const struct iovec part = {(void *)(uintptr_t)body, size};
	return explained(c, gw_client_post(c, cmd, &part, 1), err);
}

static enum gw_status post_data(struct gw_client *c, enum gw_cmd cmd, const void *fixed, size_t n, const void *data,
	size_t size, struct gw_error *err)
{
	const struct iovec parts[] = {{(void *)(uintptr_t)fixed, n}, {(void *)(uintptr_t)data, size}};
	return explained(c, gw_client_post(c, cmd, parts, 2), err);
}

static enum gw_status call(struct gw_client *c, enum gw_cmd cmd, const void *body, size_t n, void *reply, size_t size,
	struct gw_error *err)
{
	const struct iovec part = {(void *)(uintptr_t)body, n};
	return explained(c, gw_client_call(c, cmd, &part, n > 0, reply, size), err);
}

static enum gw_status get(struct gw_client *c, enum gw_cmd cmd, const void *body, size_t n, const struct gw_dest *dest,
	uint64_t *ticket, struct gw_error *err)
{
	const struct iovec part = {(void *)(uintptr_t)body, n};
	return explained(c, gw_client_get(c, cmd, &part, 1, dest, ticket), err);
}

static enum gw_status call_u64(
	struct gw_client *c, enum gw_cmd cmd, const void *body, size_t n, uint64_t *out, struct gw_error *err)
{
	uint8_t reply[8];
	enum gw_status status = call(c, cmd, body, n, reply, sizeof(reply), err);
	if (!status)
		*out = gw_le64(reply);
	return status;
}

static enum gw_status call_bool(
	struct gw_client *c, enum gw_cmd cmd, const void *body, size_t n, bool *out, struct gw_error *err)
{
	uint8_t reply;
	enum gw_status status = call(c, cmd, body, n, &reply, sizeof(reply), err);
	if (!status)
		*out = reply != 0;
	return status;
}

static enum gw_status count_devices(struct gw_client *c, uint32_t *out, struct gw_error *err)
{
	uint8_t reply[4];
	enum gw_status status = call(c, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply), err);
	if (!status)
		*out = gw_le32(reply);
	return status;
}

static enum gw_status describe_stock(struct gw_client *c, struct gw_ext_info *out, struct gw_error *err)
{
	struct gw_ext_info info = {0};
	enum gw_status status = count_devices(c, &info.n_devices, err);
	if (status)
		return status;
	if (info.n_devices > GW_EXT_MAX_DEVICES)
		return gw_error_set(err, GW_ERR_LIMIT, "server at %s announces %u devices, more than %d", c->name,
			(unsigned)info.n_devices, GW_EXT_MAX_DEVICES);
	info.devices = calloc(info.n_devices ? info.n_devices : 1, sizeof(*info.devices));
	if (!info.devices)
		return gw_client_explain(c, GW_ERR_NOMEM, err);
	*out = info;
	return GW_OK;
}

enum gw_status gw_client_describe(struct gw_client *c, uint32_t asker, struct gw_ext_info *out, struct gw_error *err)
{
	uint8_t level[4];
	const struct iovec part = {level, sizeof(level)};
	struct gw_buf reply = {0};
	if (c->extensions == 0)
		return describe_stock(c, out, err);
	gw_put_le32(level, GW_EXT_LEVEL | asker);
	enum gw_status status = gw_client_call_var(c, GW_CMD_EXT_INFO, &part, 1, &reply, GW_EXT_INFO_MAX);
	if (!status)
		status = gw_ext_info_decode(reply.data, reply.len, out);
	if (!status)
		atomic_store(&c->server_flags, out->flags);
	gw_buf_free(&reply);
	return explained(c, status, err);
}

enum gw_status gw_client_ping(struct gw_client *c, struct gw_error *err)
{
	uint32_t ignored;
	return count_devices(c, &ignored, err);
}

enum gw_status gw_client_status(struct gw_client *c, struct gw_ext_status *out, struct gw_error *err)
{
	struct gw_buf reply = {0};
	if (!(atomic_load(&c->server_flags) & GW_EXT_SERVER_STATUS))
		return gw_client_explain(c, GW_ERR_UNSUPPORTED, err);
	enum gw_status status = gw_client_call_var(c, GW_CMD_EXT_STATUS, NULL, 0, &reply, GW_EXT_STATUS_MAX);
	if (!status)
		status = gw_ext_status_decode(reply.data, reply.len, out);
	gw_buf_free(&reply);
	return explained(c, status, err);
}

enum gw_status gw_client_stream(struct gw_client *c, const void *bytes, size_t n, const struct gw_dest *dest,
	uint64_t *ticket, struct gw_error *err)
{
	uint8_t wanted[GW_EXT_STREAM_FIXED];
	const struct iovec parts[] = {{wanted, sizeof(wanted)}, {(void *)(uintptr_t)bytes, n}};
	gw_put_le64(wanted, dest->size * dest->n);
	return explained(c, gw_client_get(c, GW_CMD_EXT_STREAM, parts, 2, dest, ticket), err);
}

enum gw_status gw_client_device_memory(
	struct gw_client *c, uint32_t device, struct gw_wire_memory_rsp *out, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[16];
	size_t n = gw_wire_device_req_encode(device, body);
	enum gw_status status = call(c, GW_CMD_GET_DEVICE_MEMORY, body, n, reply, sizeof(reply), err);
	if (!status)
		*out = (struct gw_wire_memory_rsp){gw_le64(reply), gw_le64(reply + 8)};
	return status;
}

enum gw_status gw_client_alignment(struct gw_client *c, uint32_t device, uint64_t *out, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return call_u64(c, GW_CMD_GET_ALIGNMENT, body, gw_wire_device_req_encode(device, body), out, err);
}

enum gw_status gw_client_max_size(struct gw_client *c, uint32_t device, uint64_t *out, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return call_u64(c, GW_CMD_GET_MAX_SIZE, body, gw_wire_device_req_encode(device, body), out, err);
}

enum gw_status gw_client_alloc_size(
	struct gw_client *c, const struct gw_wire_node_req *node, uint64_t *out, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return call_u64(c, GW_CMD_GET_ALLOC_SIZE, body, gw_wire_node_req_encode(c->dialect, node, body), out, err);
}

enum gw_status gw_client_supports_op(
	struct gw_client *c, const struct gw_wire_node_req *node, bool *out, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return call_bool(c, GW_CMD_EXT_SUPPORTS_OP, body, gw_wire_node_req_encode(c->dialect, node, body), out, err);
}

static enum gw_status alloc_at_once(
	struct gw_client *c, const void *body, size_t n, struct gw_ext_alloc_rsp *out, struct gw_error *err)
{
	uint8_t reply[GW_EXT_ALLOC_RSP];
	enum gw_status status = call(c, GW_CMD_EXT_ALLOC, body, n, reply, sizeof(reply), err);
	if (!status)
		gw_ext_alloc_rsp_decode(reply, out);
	return status;
}

static enum gw_status alloc_and_ask_base(
	struct gw_client *c, const void *body, size_t n, struct gw_ext_alloc_rsp *out, struct gw_error *err)
{
	uint8_t reply[16], buffer[GW_WIRE_MAX_FIXED];
	enum gw_status status = call(c, GW_CMD_ALLOC_BUFFER, body, n, reply, sizeof(reply), err);
	if (status)
		return status;
	*out = (struct gw_ext_alloc_rsp){.buffer = gw_le64(reply), .size = gw_le64(reply + 8)};
	if (out->buffer == 0)
		return GW_OK;
	n = gw_wire_buffer_req_encode(out->buffer, buffer);
	return call_u64(c, GW_CMD_BUFFER_GET_BASE, buffer, n, &out->base, err);
}

enum gw_status gw_client_alloc_buffer(
	struct gw_client *c, uint32_t device, uint64_t size, struct gw_ext_alloc_rsp *out, struct gw_error *err)
{
	const struct gw_wire_alloc_req req = {device, size};
	struct gw_ext_alloc_rsp got;
	uint8_t body[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_alloc_req_encode(&req, body);
	bool at_once = atomic_load(&c->server_flags) & GW_EXT_SERVER_ALLOC;
	enum gw_status status =
		at_once ? alloc_at_once(c, body, n, &got, err) : alloc_and_ask_base(c, body, n, &got, err);
	if (status)
		return status;
	if (got.buffer == 0)
		return gw_error_set(err, GW_ERR_NOMEM,
			"server at %s cannot allocate a buffer of %llu bytes on device %u", c->name,
			(unsigned long long)size, (unsigned)device);
	if (got.size < size) {
		(void)gw_client_free_buffer(c, got.buffer, NULL);
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"server at %s allocated %llu bytes on device %u where %llu were requested", c->name,
			(unsigned long long)got.size, (unsigned)device, (unsigned long long)size);
	}
	*out = got;
	return GW_OK;
}

enum gw_status gw_client_free_buffer(struct gw_client *c, uint64_t buffer, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_FREE_BUFFER, body, gw_wire_buffer_req_encode(buffer, body), err);
}

enum gw_status gw_client_clear_buffer(struct gw_client *c, uint64_t buffer, uint8_t value, struct gw_error *err)
{
	const struct gw_wire_clear_req req = {buffer, value};
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_BUFFER_CLEAR, body, gw_wire_clear_req_encode(&req, body), err);
}

enum gw_status gw_client_init_tensor(struct gw_client *c, const struct gw_wire_tensor *tensor, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_INIT_TENSOR, body, gw_wire_tensor_req_encode(c->dialect, tensor, body), err);
}

enum gw_status gw_client_set_tensor(
	struct gw_client *c, const struct gw_wire_set_req *where, const void *data, size_t size, struct gw_error *err)
{
	uint8_t fixed[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_set_req_encode(c->dialect, where, fixed);
	return post_data(c, GW_CMD_SET_TENSOR, fixed, n, data, size, err);
}

enum gw_status gw_client_set_tensor_2d(
	struct gw_client *c, const struct gw_wire_2d_req *where, const void *data, struct gw_error *err)
{
	uint8_t fixed[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_2d_req_encode(c->dialect, where, fixed);
	return post_data(c, GW_CMD_SET_TENSOR_2D, fixed, n, data, (size_t)(where->size * where->n_copies), err);
}

enum gw_status gw_client_memset_tensor(struct gw_client *c, const struct gw_wire_memset_req *what, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_MEMSET_TENSOR, body, gw_wire_memset_req_encode(c->dialect, what, body), err);
}

enum gw_status gw_client_set_tensor_hash(
	struct gw_client *c, const struct gw_wire_set_hash_req *what, bool *had, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_set_hash_req_encode(c->dialect, what, body);
	return call_bool(c, GW_CMD_SET_TENSOR_HASH, body, n, had, err);
}

enum gw_status gw_client_set_tensor_xxh3(
	struct gw_client *c, const struct gw_wire_xxh3_req *what, bool *had, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_xxh3_req_encode(c->dialect, what, body);
	return call_bool(c, GW_CMD_EXT_SET_TENSOR_XXH3, body, n, had, err);
}

enum gw_status gw_client_get_tensor(struct gw_client *c, const struct gw_wire_get_req *what, const struct gw_dest *dest,
	uint64_t *ticket, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return get(c, GW_CMD_GET_TENSOR, body, gw_wire_get_req_encode(c->dialect, what, body), dest, ticket, err);
}

enum gw_status gw_client_get_tensor_2d(struct gw_client *c, const struct gw_wire_2d_req *what,
	const struct gw_dest *dest, uint64_t *ticket, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return get(c, GW_CMD_GET_TENSOR_2D, body, gw_wire_2d_req_encode(c->dialect, what, body), dest, ticket, err);
}

enum gw_status gw_client_copy_tensor(
	struct gw_client *c, const struct gw_wire_copy_req *what, bool *done, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return call_bool(c, GW_CMD_COPY_TENSOR, body, gw_wire_copy_req_encode(c->dialect, what, body), done, err);
}

enum gw_status gw_client_compute(struct gw_client *c, const void *body, size_t size, struct gw_error *err)
{
	return post(c, GW_CMD_GRAPH_COMPUTE, body, size, err);
}

enum gw_status gw_client_recompute(struct gw_client *c, const struct gw_wire_recompute_req *what, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_GRAPH_RECOMPUTE, body, gw_wire_recompute_req_encode(c->dialect, what, body), err);
}

enum gw_status gw_client_comm_init(struct gw_client *c, const struct gw_wire_comm_init_req *req,
	const struct gw_dest *answer, uint64_t *ticket, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return get(c, GW_CMD_COMM_INIT, body, gw_wire_comm_init_req_encode(req, body), answer, ticket, err);
}

enum gw_status gw_client_allreduce(struct gw_client *c, const struct gw_wire_allreduce_req *req, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_COMM_ALLREDUCE, body, gw_wire_allreduce_req_encode(c->dialect, req, body), err);
}

enum gw_status gw_client_comm_free(struct gw_client *c, uint32_t device, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	return post(c, GW_CMD_COMM_FREE, body, gw_wire_device_req_encode(device, body), err);
}

enum gw_status gw_client_link(struct gw_client *c, const struct gw_peers_link_req *req, const struct gw_dest *answer,
	uint64_t *ticket, struct gw_error *err)
{
	uint8_t body[GW_PEERS_LINK_REQ];
	return get(c, GW_CMD_EXT_LINK, body, gw_peers_link_req_encode(req, body), answer, ticket, err);
}

enum gw_status gw_client_group(struct gw_client *c, const struct gw_peers_group_req *req, struct gw_error *err)
{
	uint8_t body[GW_PEERS_GROUP_REQ];
	return post(c, GW_CMD_EXT_GROUP, body, gw_peers_group_req_encode(req, body), err);
}

enum gw_status gw_client_reduce(struct gw_client *c, const struct gw_peers_reduce_req *req, struct gw_error *err)
{
	uint8_t body[GW_PEERS_REDUCE_MAX];
	return post(c, GW_CMD_EXT_ALLREDUCE, body, gw_peers_reduce_req_encode(req, body), err);
}

enum gw_status gw_client_send_to_peer(struct gw_client *c, const struct gw_peers_copy_req *req, struct gw_error *err)
{
	uint8_t body[GW_PEERS_COPY_REQ];
	return post(c, GW_CMD_EXT_SEND, body, gw_peers_copy_req_encode(req, body), err);
}

enum gw_status gw_client_receive_from_peer(
	struct gw_client *c, const struct gw_peers_copy_req *req, struct gw_error *err)
{
	uint8_t body[GW_PEERS_COPY_REQ];
	return post(c, GW_CMD_EXT_RECEIVE, body, gw_peers_copy_req_encode(req, body), err);
}
