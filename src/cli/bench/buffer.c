#include "cli/bench/buffer.h"

enum gw_status gw_bench_buffer_new(
	struct gw_client *c, uint32_t device, uint64_t size, struct gw_bench_buffer *out, struct gw_error *err)
{
	struct gw_ext_alloc_rsp got;
	enum gw_status status = gw_client_alloc_buffer(c, device, size, &got, err);
	if (!status)
		*out = (struct gw_bench_buffer){.client = c,
			.device = device,
			.f32 = gw_names_find(gw_client_dialect(c)->types, "f32"),
			.handle = got.buffer,
			.base = got.base,
			.size = size};
	return status;
}

enum gw_status gw_bench_drain(struct gw_client *c, uint64_t ticket, struct gw_error *err)
{
	enum gw_status status = gw_client_drain(c, ticket);
	return status ? gw_client_explain(c, status, err) : GW_OK;
}

enum gw_status gw_bench_buffer_free(struct gw_bench_buffer *b, struct gw_error *err)
{
	enum gw_status status = gw_client_free_buffer(b->client, b->handle, err);
	return status ? status : gw_bench_drain(b->client, GW_CLIENT_ALL, err);
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
	const struct gw_wire_set_req where = {.tensor = gw_bench_tensor(b, 1, offset, size)};
	return gw_client_set_tensor(b->client, &where, data, size, err);
}

enum gw_status gw_bench_get(const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, uint64_t *ticket,
	struct gw_error *err)
{
	const struct gw_wire_get_req what = {.tensor = gw_bench_tensor(b, 1, offset, size), .size = size};
	const struct gw_dest dest = {.base = data, .size = size, .n = 1, .stride = size};
	return gw_client_get_tensor(b->client, &what, &dest, ticket, err);
}

enum gw_status gw_bench_read(
	const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, struct gw_error *err)
{
	uint64_t ticket;
	enum gw_status status = gw_bench_get(b, offset, data, size, &ticket, err);
	return status ? status : gw_bench_drain(b->client, ticket, err);
}
