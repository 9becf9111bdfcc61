#include "cli/bench/buffer.h"

#include "wire/cursor.h"

static enum gw_status call(struct gw_visit *v, enum gw_cmd cmd, const void *body, size_t size, void *reply,
	size_t reply_size, struct gw_error *err)
{
	const struct iovec part = {.iov_base = (void *)body, .iov_len = size};
	gw_visit_begin(v);
	enum gw_status status = gw_client_call(v->client, cmd, &part, 1, reply, reply_size);
	gw_visit_end(v);
	return status ? gw_visit_explain(v, status, err) : GW_OK;
}

enum gw_status gw_bench_buffer_new(
	struct gw_visit *v, uint32_t device, uint64_t size, struct gw_bench_buffer *out, struct gw_error *err)
{
	struct gw_wire_alloc_rsp got = {0};
	uint8_t body[GW_WIRE_MAX_FIXED], reply[16];
	size_t n = gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){device, size}, body);
	enum gw_status status = call(v, GW_CMD_ALLOC_BUFFER, body, n, reply, sizeof(reply), err);
	if (status)
		return status;
	(void)gw_wire_alloc_rsp_decode(reply, sizeof(reply), &got);
	if (got.buffer == 0 || got.size < size)
		return gw_error_set(err, GW_ERR_NOMEM, "server at %s has no %llu bytes for a buffer on device %u",
			gw_client_name(v->client), (unsigned long long)size, (unsigned)device);
	struct gw_bench_buffer b = {.visit = v, .device = device, .handle = got.buffer, .size = size};
	b.f32 = gw_names_find(gw_client_dialect(v->client)->types, "f32");
	n = gw_wire_buffer_req_encode(b.handle, body);
	status = call(v, GW_CMD_BUFFER_GET_BASE, body, n, reply, 8, err);
	if (status)
		return status;
	b.base = gw_le64(reply);
	*out = b;
	return GW_OK;
}

enum gw_status gw_bench_buffer_free(struct gw_bench_buffer *b, struct gw_error *err)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_client *c = b->visit->client;
	const struct iovec part = {.iov_base = body, .iov_len = gw_wire_buffer_req_encode(b->handle, body)};
	gw_visit_begin(b->visit);
	enum gw_status status = gw_client_post(c, GW_CMD_FREE_BUFFER, &part, 1);
	if (!status)
		status = gw_client_flush(c);
	if (!status)
		status = gw_client_drain(c, GW_CLIENT_ALL);
	gw_visit_end(b->visit);
	return status ? gw_visit_explain(b->visit, status, err) : GW_OK;
}

struct gw_wire_tensor gw_bench_tensor(const struct gw_bench_buffer *b, uint64_t id, uint64_t offset, uint64_t size)
{
	uint32_t n = (uint32_t)(size / 4), bytes = (uint32_t)size;
	return (struct gw_wire_tensor){
		.id = id,
		.buffer = b->handle,
		.type = b->f32,
		.ne = {n, 1, 1, 1},
		.nb = {4, bytes, bytes, bytes},
		.data = b->base + offset,
		.name = "ggwire-bench",
	};
}

enum gw_status gw_bench_set(
	const struct gw_bench_buffer *b, uint64_t offset, const void *data, size_t size, struct gw_error *err)
{
	struct gw_client *c = b->visit->client;
	uint8_t fixed[GW_WIRE_MAX_FIXED];
	const struct gw_wire_set_req req = {.tensor = gw_bench_tensor(b, 1, offset, size)};
	const struct iovec parts[] = {
		{.iov_base = fixed, .iov_len = gw_wire_set_req_encode(gw_client_dialect(c), &req, fixed)},
		{.iov_base = (void *)data, .iov_len = size},
	};
	gw_visit_begin(b->visit);
	enum gw_status status = gw_client_post(c, GW_CMD_SET_TENSOR, parts, 2);
	gw_visit_end(b->visit);
	return status ? gw_visit_explain(b->visit, status, err) : GW_OK;
}

enum gw_status gw_bench_get(const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, uint64_t *ticket,
	struct gw_error *err)
{
	struct gw_client *c = b->visit->client;
	uint8_t body[GW_WIRE_MAX_FIXED];
	const struct gw_wire_get_req req = {.tensor = gw_bench_tensor(b, 1, offset, size), .size = size};
	const struct iovec part = {
		.iov_base = body, .iov_len = gw_wire_get_req_encode(gw_client_dialect(c), &req, body)};
	const struct gw_dest dest = {.base = data, .size = size, .n = 1, .stride = size};
	gw_visit_begin(b->visit);
	enum gw_status status = gw_client_get(c, GW_CMD_GET_TENSOR, &part, 1, &dest, ticket);
	gw_visit_end(b->visit);
	return status ? gw_visit_explain(b->visit, status, err) : GW_OK;
}

enum gw_status gw_bench_read(
	const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, struct gw_error *err)
{
	uint64_t ticket;
	enum gw_status status = gw_bench_get(b, offset, data, size, &ticket, err);
	if (status)
		return status;
	gw_visit_begin(b->visit);
	status = gw_client_drain(b->visit->client, ticket);
	gw_visit_end(b->visit);
	return status ? gw_visit_explain(b->visit, status, err) : GW_OK;
}
