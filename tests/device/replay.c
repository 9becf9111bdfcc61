/* Replays the client's side of recorded sessions to our server, in the same protocol version, and compares the replies
 * with those of the stock server. Handles and addresses are translated from the recorded server to ours. */
#include "device/rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "wire/recording.h"
#include "wire/recordings.h"

#define MAX_BUFFERS 16

struct mapped {
	uint64_t handle, base, size; /* as recorded */
	struct rig_buffer ours;
};

static struct replay {
	const struct gw_dialect *dialect;
	struct gw_recording recording;
	struct gw_client *client;
	struct mapped buffers[MAX_BUFFERS];
	size_t n_buffers;
	struct gw_map defined; /* ids of tensors that the client wrote or the server computed */
	unsigned n_compared;   /* replies with contents */
	unsigned n_exact;      /* bit-exact replies among them */
	double worst;          /* the largest error of the others, relative to the allowed error */
} r;

/* The allowed error: the sum of squared differences relative to the sum of squares, because kernels round differently
 * on each processor. test-backend-ops uses the same limits. */
static double allowed(const char *op)
{
	return strcmp(op, "MUL_MAT") == 0 ? 5e-4 : 1e-7;
}

static struct mapped *buffer_of(uint64_t handle)
{
	for (size_t i = 0; i < r.n_buffers; i++)
		if (r.buffers[i].handle == handle)
			return &r.buffers[i];
	fail_msg("the recording uses unknown buffer 0x%llx", (unsigned long long)handle);
	return NULL;
}

static void map_tensor(struct gw_wire_tensor *t)
{
	if (t->buffer == 0)
		return;
	const struct mapped *m = buffer_of(t->buffer);
	t->buffer = m->ours.handle;
	if (t->data != 0)
		t->data = t->data - m->base + m->ours.base;
}

static void define(uint64_t id)
{
	assert_int_equal(gw_map_put(&r.defined, id, NULL), GW_OK);
}

static void post(unsigned cmd, const void *body, size_t size, const void *data, size_t n)
{
	struct iovec parts[2] = {{(void *)(uintptr_t)body, size}, {(void *)(uintptr_t)data, n}};
	assert_int_equal(gw_client_post(r.client, (enum gw_cmd)cmd, parts, 2), GW_OK);
}

static void call(unsigned cmd, const void *body, size_t size, void *reply, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)body, size};
	if (gw_client_call(r.client, (enum gw_cmd)cmd, &part, 1, reply, n) != GW_OK)
		fail_msg("no reply to %s", gw_cmd_name(cmd));
}

static void replay_alloc(const struct gw_exchange *x)
{
	struct gw_wire_alloc_req req;
	struct gw_wire_alloc_rsp theirs, ours;
	uint8_t reply[16];

	assert_true(gw_wire_alloc_req_decode(x->request, x->request_size, &req));
	assert_true(gw_wire_alloc_rsp_decode(x->reply, x->reply_size, &theirs));
	call(x->cmd, x->request, x->request_size, reply, sizeof(reply));
	assert_true(gw_wire_alloc_rsp_decode(reply, sizeof(reply), &ours));
	assert_true(ours.size >= req.size);
	assert_true(r.n_buffers < MAX_BUFFERS);
	r.buffers[r.n_buffers++] = (struct mapped){
		.handle = theirs.buffer, .size = theirs.size, .ours = {.handle = ours.buffer, .size = ours.size}};
}

static void replay_base(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[8];
	uint64_t handle;

	assert_true(gw_wire_buffer_req_decode(x->request, x->request_size, &handle));
	struct mapped *m = buffer_of(handle);
	assert_true(gw_wire_u64_rsp_decode(x->reply, x->reply_size, &m->base));
	call(x->cmd, body, gw_wire_buffer_req_encode(m->ours.handle, body), reply, sizeof(reply));
	assert_true(gw_wire_u64_rsp_decode(reply, sizeof(reply), &m->ours.base));
}

static void replay_free(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	uint64_t handle;

	assert_true(gw_wire_buffer_req_decode(x->request, x->request_size, &handle));
	struct mapped *m = buffer_of(handle);
	post(x->cmd, body, gw_wire_buffer_req_encode(m->ours.handle, body), NULL, 0);
	*m = r.buffers[--r.n_buffers];
}

static void replay_clear(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_clear_req req;

	assert_true(gw_wire_clear_req_decode(x->request, x->request_size, &req));
	req.buffer = buffer_of(req.buffer)->ours.handle;
	post(x->cmd, body, gw_wire_clear_req_encode(&req, body), NULL, 0);
}

static void replay_set(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req;
	size_t fixed = gw_wire_set_req_size(r.dialect);

	assert_true(gw_wire_set_req_decode(r.dialect, x->request, fixed, &req));
	map_tensor(&req.tensor);
	define(req.tensor.id);
	gw_wire_set_req_encode(r.dialect, &req, body);
	post(x->cmd, body, fixed, x->request + fixed, x->request_size - fixed);
}

static void replay_init(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_tensor t;

	assert_true(gw_wire_tensor_req_decode(r.dialect, x->request, x->request_size, &t));
	map_tensor(&t);
	post(x->cmd, body, gw_wire_tensor_req_encode(r.dialect, &t, body), NULL, 0);
}

static void replay_alloc_size(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED], reply[8];
	struct gw_wire_node_req req;
	uint64_t theirs, ours;

	assert_true(gw_wire_node_req_decode(r.dialect, x->request, x->request_size, &req));
	map_tensor(&req.tensor);
	for (int i = 0; i < GW_WIRE_SRC; i++)
		map_tensor(&req.src[i]);
	call(x->cmd, body, gw_wire_node_req_encode(r.dialect, &req, body), reply, sizeof(reply));
	assert_true(gw_wire_u64_rsp_decode(x->reply, x->reply_size, &theirs));
	assert_true(gw_wire_u64_rsp_decode(reply, sizeof(reply), &ours));
	assert_int_equal(ours, theirs);
}

static void replay_graph(const struct gw_exchange *x)
{
	struct gw_wire_graph g;
	uint8_t *body = malloc(x->request_size);

	assert_non_null(body);
	memcpy(body, x->request, x->request_size);
	assert_true(gw_wire_graph_decode(r.dialect, body, x->request_size, &g));
	for (uint32_t i = 0; i < g.n_nodes; i++)
		define(gw_wire_graph_node_id(&g, i));
	for (uint32_t i = 0; i < g.n_tensors; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(r.dialect, &g, i, &t);
		map_tensor(&t);
		gw_wire_tensor_encode(r.dialect, &t, body + (g.tensors - body) + (size_t)i * GW_WIRE_TENSOR_SIZE);
	}
	post(x->cmd, body, x->request_size, NULL, 0);
	free(body);
}

/* The relative error of floats. */
static double error_of(const uint8_t *got, const uint8_t *expected, size_t size)
{
	double difference = 0, sum = 0;

	for (size_t i = 0; i + sizeof(float) <= size; i += sizeof(float)) {
		float a, b;
		memcpy(&a, got + i, sizeof(a));
		memcpy(&b, expected + i, sizeof(b));
		difference += ((double)a - (double)b) * ((double)a - (double)b);
		sum += (double)b * (double)b;
	}
	return sum > 0 ? difference / sum : difference > 0 ? INFINITY : 0;
}

static void compare(const struct gw_wire_tensor *t, const uint8_t *got, const uint8_t *expected, size_t size)
{
	const char *op = gw_names_get(r.dialect->ops, t->op);
	const char *type = gw_names_get(r.dialect->types, t->type);

	r.n_compared++;
	if (memcmp(got, expected, size) == 0) {
		r.n_exact++;
		return;
	}
	if (t->op == 0 || strcmp(type, "f32") != 0)
		fail_msg("%s, %s '%s': bytes differ from the recording", op, type, t->name);
	double error = error_of(got, expected, size);
	if (!(error <= allowed(op)))
		fail_msg("%s '%s': error %g, allowed %g", op, t->name, error, allowed(op));
	r.worst = fmax(r.worst, error / allowed(op));
}

/* Recordings also read memory that was never written. Its contents are arbitrary, so they are not compared. */
static void replay_get(const struct gw_exchange *x)
{
	uint8_t body[GW_WIRE_MAX_FIXED];
	struct gw_wire_get_req req;
	uint8_t *got = malloc(x->reply_size + 1);

	assert_non_null(got);
	assert_true(gw_wire_get_req_decode(r.dialect, x->request, x->request_size, &req));
	map_tensor(&req.tensor);
	call(x->cmd, body, gw_wire_get_req_encode(r.dialect, &req, body), got, x->reply_size);
	if (gw_map_find(&r.defined, req.tensor.id, NULL))
		compare(&req.tensor, got, x->reply, x->reply_size);
	free(got);
}

/* Replies without handles that describe the server's machine: only their size is compared. */
static void replay_as_it_is(const struct gw_exchange *x)
{
	uint8_t reply[GW_WIRE_MAX_FIXED];

	if (x->answered != GW_REPLY_BODY) {
		post(x->cmd, x->request, x->request_size, NULL, 0);
		return;
	}
	assert_true(x->reply_size <= sizeof(reply));
	call(x->cmd, x->request, x->request_size, reply, x->reply_size);
	if (x->cmd == GW_CMD_DEVICE_COUNT)
		assert_memory_equal(reply, x->reply, x->reply_size);
}

static void replay_exchange(const struct gw_exchange *x)
{
	switch (x->cmd) {
	case GW_CMD_HELLO: /* rig_client did this */
		break;
	case GW_CMD_ALLOC_BUFFER:
		replay_alloc(x);
		break;
	case GW_CMD_BUFFER_GET_BASE:
		replay_base(x);
		break;
	case GW_CMD_FREE_BUFFER:
		replay_free(x);
		break;
	case GW_CMD_BUFFER_CLEAR:
		replay_clear(x);
		break;
	case GW_CMD_SET_TENSOR:
		replay_set(x);
		break;
	case GW_CMD_GET_TENSOR:
		replay_get(x);
		break;
	case GW_CMD_INIT_TENSOR:
		replay_init(x);
		break;
	case GW_CMD_GET_ALLOC_SIZE:
		replay_alloc_size(x);
		break;
	case GW_CMD_GRAPH_COMPUTE:
		replay_graph(x);
		break;
	case GW_CMD_DEVICE_COUNT:
	case GW_CMD_GRAPH_RECOMPUTE:
	case GW_CMD_GET_ALIGNMENT:
	case GW_CMD_GET_MAX_SIZE:
	case GW_CMD_GET_DEVICE_MEMORY:
		replay_as_it_is(x);
		break;
	default:
		fail_msg("%s is not replayed", gw_cmd_name(x->cmd));
	}
}

/* Replays a whole recording and disconnects. */
static void replay(const char *version, const char *name)
{
	struct gw_server_options options = rig_options();
	char path[512];
	struct rig rig;
	struct gw_exchange x;
	enum gw_recording_step step;

	r = (struct replay){.dialect = gw_dialect_parse(version)};
	snprintf(path, sizeof(path), "%s/%s/%s.rec", GGWIRE_TEST_DATA, version, name);
	if (!gw_recording_load(&r.recording, path))
		fail_msg("cannot read %s", path);
	options.dialect = r.dialect;
	struct gw_server *server = rig_server(&options);
	r.client = rig_client(&rig, server);
	assert_ptr_equal(gw_client_dialect(r.client), r.dialect);
	while ((step = gw_recording_next(&r.recording, r.dialect, &x)) == GW_RECORDING_EXCHANGE)
		replay_exchange(&x);
	assert_int_equal(step, GW_RECORDING_END);
	assert_int_equal(gw_client_drain(r.client, GW_CLIENT_ALL), GW_OK);
	rig_leave(&rig, r.client);
	gw_server_free(server);
	gw_recording_free(&r.recording);
	gw_map_free(&r.defined);
	assert_true(r.n_compared > 3);
	print_message("%s/%s: %u replies with contents, %u of them bit-exact; worst error / allowed: %.2g\n", version,
		name, r.n_compared, r.n_exact, r.worst);
}

EACH_VERSION(replay);

int main(void)
{
	return cmocka_run_group_tests(version_tests, NULL, NULL);
}
