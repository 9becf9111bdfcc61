#include "cli/bench/graph.h"

#include "wire/cursor.h"

#define UID 1
#define FLAG_COMPUTE 16 /* nodes without it are passed over: GGML_TENSOR_FLAG_COMPUTE */
#define START 1.0F
#define STEP 0.5F
#define RESULT (START + GW_BENCH_GRAPH_NODES * STEP) /* exact */
#define N_TENSORS (GW_BENCH_GRAPH_NODES + 2)

/* Tensors 1 and 2 are the inputs; tensor i + 2 adds the second to the one before it. */
static uint64_t offset_of(uint64_t id)
{
	return (id - 1) * GW_BENCH_GRAPH_TENSOR;
}

static struct gw_wire_tensor tensor(const struct gw_bench_buffer *b, uint64_t id)
{
	struct gw_wire_tensor t = gw_bench_tensor(b, id, offset_of(id), GW_BENCH_GRAPH_TENSOR);
	if (id <= 2)
		return t;
	t.op = gw_names_find(gw_client_dialect(b->client)->ops, "ADD");
	t.flags = FLAG_COMPUTE;
	t.use_count = id < N_TENSORS;
	t.src[0] = id == 3 ? 1 : id - 1;
	t.src[1] = 2;
	return t;
}

static enum gw_status encode(const struct gw_bench_buffer *b, struct gw_buf *out)
{
	const struct gw_dialect *d = gw_client_dialect(b->client);
	uint8_t *ids, *tensors;
	size_t size;
	if (!gw_wire_graph_size(d, GW_BENCH_GRAPH_NODES, N_TENSORS, &size))
		return GW_ERR_LIMIT;
	enum gw_status status = gw_buf_reserve(out, size);
	if (status)
		return status;
	gw_wire_graph_begin(d, b->device, UID, GW_BENCH_GRAPH_NODES, N_TENSORS, out->data, &ids, &tensors);
	for (uint64_t i = 0; i < GW_BENCH_GRAPH_NODES; i++)
		gw_put_le64(ids + i * 8, i + 3);
	for (uint64_t i = 0; i < N_TENSORS; i++) {
		struct gw_wire_tensor t = tensor(b, i + 1);
		gw_wire_tensor_encode(d, &t, tensors + i * GW_WIRE_TENSOR_SIZE);
	}
	out->len = size;
	return GW_OK;
}

static enum gw_status set_all(const struct gw_bench_buffer *b, uint64_t id, float value, struct gw_error *err)
{
	float values[GW_BENCH_GRAPH_ELEMENTS];
	for (size_t i = 0; i < GW_BENCH_GRAPH_ELEMENTS; i++)
		values[i] = value;
	return gw_bench_set(b, offset_of(id), values, sizeof(values), err);
}

static enum gw_status check(const struct gw_bench_buffer *b, struct gw_error *err)
{
	float result = 0;
	enum gw_status status = gw_bench_read(b, offset_of(N_TENSORS), &result, sizeof(result), err);
	if (!status && result != RESULT)
		status = gw_error_set(err, GW_ERR_COMPUTE, "server at %s computed %g where %g is right",
			gw_client_name(b->client), (double)result, (double)RESULT);
	return status;
}

enum gw_status gw_bench_graph_start(const struct gw_bench_buffer *b, struct gw_error *err)
{
	struct gw_buf body = {0};
	enum gw_status status = set_all(b, 1, START, err);
	if (!status)
		status = set_all(b, 2, STEP, err);
	if (!status && encode(b, &body))
		status = gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	if (!status)
		status = gw_client_compute(b->client, body.data, body.len, err);
	gw_buf_free(&body);
	return status ? status : check(b, err);
}

enum gw_status gw_bench_graph_again(const struct gw_bench_buffer *b, struct gw_error *err)
{
	const struct gw_wire_recompute_req again = {.device = b->device, .uid = UID};
	enum gw_status status = gw_client_recompute(b->client, &again, err);
	return status ? status : check(b, err);
}
