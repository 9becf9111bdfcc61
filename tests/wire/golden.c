/* Decodes every message of recorded stock sessions and encodes it again to the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/message.h"
#include "wire/recording.h"

static const struct gw_dialect *dialect;
static const char *directory;

/* Counts of what a session contained. */
struct tally {
	unsigned n[GW_CMD_STOCK_COUNT];
	unsigned n_tensors;
	unsigned n_with_use_count;
};

static void assert_codec(const struct codec *codec, const uint8_t *body, size_t size)
{
	_Alignas(16) uint8_t message[CODEC_MAX_OBJECT];
	uint8_t out[GW_WIRE_MAX_FIXED];
	assert_true(codec->decode(dialect, body, size, message));
	assert_int_equal(codec->encode(dialect, message, out), size);
	assert_memory_equal(out, body, size);
}

static bool has_tensor(const struct gw_wire_graph *g, uint64_t id)
{
	for (uint32_t i = 0; i < g->n_tensors; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(dialect, g, i, &t);
		if (t.id == id)
			return true;
	}
	return false;
}

/* Checks that our tables name all numbers, and that the graph contains all ids. */
static void assert_sensible(const struct gw_wire_graph *g, const struct gw_wire_tensor *t)
{
	assert_non_null(gw_names_get(dialect->ops, t->op));
	assert_non_null(gw_names_get(dialect->types, t->type));
	for (int i = 0; i < GW_WIRE_SRC; i++)
		assert_true(t->src[i] == 0 || has_tensor(g, t->src[i]));
	assert_true(t->view_src == 0 || has_tensor(g, t->view_src));
}

static void assert_graph(const uint8_t *body, size_t size, struct tally *tally)
{
	struct gw_wire_graph g;
	assert_true(gw_wire_graph_decode(dialect, body, size, &g));
	assert_true(g.n_nodes > 0);

	size_t encoded;
	assert_true(gw_wire_graph_size(dialect, g.n_nodes, g.n_tensors, &encoded));
	assert_int_equal(encoded, size);
	uint8_t *out = malloc(size);
	assert_non_null(out);
	uint8_t *ids;
	uint8_t *tensors;
	gw_wire_graph_begin(dialect, g.device, g.uid, g.n_nodes, g.n_tensors, out, &ids, &tensors);
	for (uint32_t i = 0; i < g.n_nodes; i++) {
		uint64_t id = gw_wire_graph_node_id(&g, i);
		assert_true(has_tensor(&g, id));
		gw_put_le64(ids + (size_t)8 * i, id);
	}
	for (uint32_t i = 0; i < g.n_tensors; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(dialect, &g, i, &t);
		assert_sensible(&g, &t);
		gw_wire_tensor_encode(dialect, &t, tensors + (size_t)GW_WIRE_TENSOR_SIZE * i);
		tally->n_with_use_count += t.use_count > 0;
	}
	tally->n_tensors += g.n_tensors;
	assert_memory_equal(out, body, size);
	free(out);
}

/* The size of the part that the codec covers. In SET_TENSOR and SET_TENSOR_2D data follows. */
static size_t fixed_size(const struct gw_exchange *x)
{
	switch (x->cmd) {
	case GW_CMD_SET_TENSOR:
		return gw_wire_set_req_size(dialect);
	case GW_CMD_SET_TENSOR_2D:
		return GW_WIRE_2D_REQ;
	default:
		return x->request_size;
	}
}

static void assert_request(const struct gw_exchange *x, struct tally *tally)
{
	const struct codec *codec = codec_of_request(x->cmd);
	assert_true(gw_dialect_has(dialect, x->cmd));
	if (x->cmd == GW_CMD_GRAPH_COMPUTE) {
		assert_graph(x->request, x->request_size, tally);
	} else if (codec) {
		assert_true(fixed_size(x) <= x->request_size);
		assert_codec(codec, x->request, fixed_size(x));
	} else {
		assert_int_equal(x->cmd, GW_CMD_DEVICE_COUNT);
		assert_int_equal(x->request_size, 0);
	}
}

/* Checks that the data of 2-d requests has the size given by their fields. */
static void assert_data_size(const struct gw_exchange *x)
{
	struct gw_wire_2d_req rows;
	struct gw_wire_get_req get;
	switch (x->cmd) {
	case GW_CMD_SET_TENSOR_2D:
		assert_true(gw_wire_2d_req_decode(dialect, x->request, GW_WIRE_2D_REQ, &rows));
		assert_int_equal(rows.size * rows.n_copies, x->request_size - GW_WIRE_2D_REQ);
		break;
	case GW_CMD_GET_TENSOR:
		assert_true(gw_wire_get_req_decode(dialect, x->request, x->request_size, &get));
		assert_int_equal(get.size, x->reply_size);
		break;
	default:
		break;
	}
}

static void assert_reply(const struct gw_exchange *x)
{
	const struct codec *codec = codec_of_reply(x->cmd);
	if (x->answered == GW_REPLY_EMPTY)
		assert_int_equal(x->reply_size, 0);
	if (x->answered == GW_REPLY_BODY && codec)
		assert_codec(codec, x->reply, x->reply_size);
}

static void load(struct gw_recording *recording, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s/%s", GGWIRE_TEST_DATA, directory, name);
	if (!gw_recording_load(recording, path))
		fail_msg("cannot read %s", path);
}

static struct tally check(const char *name)
{
	struct gw_recording recording;
	load(&recording, name);
	struct tally tally = {0};
	struct gw_exchange x;
	enum gw_recording_step step;
	while ((step = gw_recording_next(&recording, dialect, &x)) == GW_RECORDING_EXCHANGE) {
		assert_request(&x, &tally);
		assert_data_size(&x);
		assert_reply(&x);
		tally.n[x.cmd]++;
	}
	assert_int_equal(step, GW_RECORDING_END);
	assert_int_equal(tally.n[GW_CMD_HELLO], 1);
	gw_recording_free(&recording);
	return tally;
}

static void test_llama_load_prompt_decode(void **state)
{
	(void)state;
	struct tally tally = check("01-llama-load-prompt-decode.rec");
	assert_int_equal(tally.n[GW_CMD_ALLOC_BUFFER], 5);
	assert_int_equal(tally.n[GW_CMD_BUFFER_GET_BASE], 5);
	assert_int_equal(tally.n[GW_CMD_INIT_TENSOR], 15);
	assert_int_equal(tally.n[GW_CMD_SET_TENSOR], 119);
	assert_int_equal(tally.n[GW_CMD_BUFFER_CLEAR], 2);
	assert_int_equal(tally.n[GW_CMD_GET_ALLOC_SIZE], 15);
	assert_int_equal(tally.n[GW_CMD_GRAPH_COMPUTE], 2);
	assert_int_equal(tally.n[GW_CMD_GRAPH_RECOMPUTE], 9);
	assert_int_equal(tally.n[GW_CMD_GET_TENSOR], 11);
	assert_int_equal(tally.n[GW_CMD_FREE_BUFFER], 5);
	assert_true(tally.n_tensors > 100);
	assert_true(tally.n_with_use_count > 100);
}

static void test_operations(void **state)
{
	(void)state;
	struct tally tally = check("02-ops-0-48.rec");
	assert_int_equal(tally.n[GW_CMD_GET_DEVICE_MEMORY], 1);
	assert_int_equal(tally.n[GW_CMD_GET_ALIGNMENT], 1);
	assert_int_equal(tally.n[GW_CMD_GET_MAX_SIZE], 1);
	assert_int_equal(tally.n[GW_CMD_GRAPH_COMPUTE], 6);
	assert_int_equal(tally.n[GW_CMD_GET_TENSOR], 18);
}

static void test_alloc_size(void **state)
{
	(void)state;
	struct tally tally = check("03-alloc-size.rec");
	assert_int_equal(tally.n[GW_CMD_GET_ALLOC_SIZE], 1);
}

static void test_device_count(void **state)
{
	(void)state;
	struct tally tally = check("04-device-count.rec");
	assert_int_equal(tally.n[GW_CMD_DEVICE_COUNT], 1);
}

static void test_comm_init_and_2d(void **state)
{
	(void)state;
	struct tally tally = check("05-comm-init-2d.rec");
	assert_int_equal(tally.n[GW_CMD_SET_TENSOR_2D], 2);
	assert_int_equal(tally.n[GW_CMD_COMM_INIT], 1);
}

static int in_8_0(void **state)
{
	(void)state;
	dialect = &gw_dialect_8_0;
	directory = "8.0.0";
	return 0;
}

static int in_4_0_0(void **state)
{
	(void)state;
	dialect = gw_dialect_parse("4.0.0");
	directory = "4.0.0";
	return 0;
}

/* What to count in a recording's graphs. */
struct wanted {
	const char *op;
	const char *type; /* type of any tensor; NULL: all */
	unsigned word;    /* index into op's parameters */
	int32_t above;    /* the value must exceed this for at least one node; -1: any value */
};

static bool is_wanted(const struct gw_wire_tensor *t, const struct wanted *w)
{
	if (w->type)
		return strcmp(gw_names_get(dialect->types, t->type), w->type) == 0;
	return strcmp(gw_names_get(dialect->ops, t->op), w->op) == 0 && t->op_params[w->word] > w->above;
}

static unsigned count(const char *name, const struct wanted *w)
{
	struct gw_recording recording;
	struct gw_exchange x;
	unsigned n = 0;
	load(&recording, name);
	while (gw_recording_next(&recording, dialect, &x) == GW_RECORDING_EXCHANGE) {
		struct gw_wire_graph g;
		if (x.cmd != GW_CMD_GRAPH_COMPUTE || !gw_wire_graph_decode(dialect, x.request, x.request_size, &g))
			continue;
		for (uint32_t i = 0; i < g.n_tensors; i++) {
			struct gw_wire_tensor t;
			gw_wire_graph_tensor(dialect, &g, i, &t);
			n += is_wanted(&t, w);
		}
	}
	gw_recording_free(&recording);
	return n;
}

/* The numbers of the last four have changed since. */
static void test_4_0_0(void **state)
{
	(void)state;
	static const struct {
		const char *name, *op;
		unsigned n_ops;
	} recorded[] = {
		{"01-device-count.rec", "NONE", 0},
		{"02-norm-of-view.rec", "NORM", 1},
		{"03-add-id.rec", "ADD_ID", 1},
		{"04-get-rows-of-q1_0.rec", "GET_ROWS", 1},
		{"05-set-rows.rec", "SET_ROWS", 1},
		{"06-soft-max.rec", "SOFT_MAX", 1},
		{"07-top-k.rec", "TOP_K", 1},
		{"08-mul-mat-of-q4_0.rec", "MUL_MAT", 1},
		{"09-rope.rec", "ROPE", 1},
		{"10-unary.rec", "UNARY", 1},
		{"11-glu.rec", "GLU", 1},
	};
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		struct tally tally = check(recorded[i].name);
		assert_int_equal(tally.n_with_use_count, 0);
		assert_int_equal(count(recorded[i].name, &(struct wanted){.op = recorded[i].op, .above = INT32_MIN}),
			recorded[i].n_ops);
	}
}

/* The versions in between. Their recordings contain types and parameters that were added without a new version. */
static void test_4_0_3_to_7_0_0(void **state)
{
	(void)state;
	static const struct {
		const char *version, *name;
		struct wanted wanted;
	} recorded[] = {
		{"4.0.3", "add-1.rec", {.op = "ADD", .above = -1}},
		{"4.0.3", "get_rows-1.rec", {.op = "GET_ROWS", .above = -1}},
		{"4.0.3", "rope-1.rec", {.op = "ROPE", .above = -1}},
		{"4.0.3", "set_rows-1.rec", {.op = "SET_ROWS", .above = -1}},
		{"5.0.0", "gated_delta_net-1.rec", {.op = "GATED_DELTA_NET", .word = 0, .above = 0}},
		{"5.0.0", "gated_delta_net-2.rec", {.op = "GATED_DELTA_NET", .word = 0, .above = 1}},
		{"5.0.0", "get_rows-1.rec", {.op = "GET_ROWS", .above = -1}},
		{"5.0.0", "mul_mat-1.rec", {.op = "MUL_MAT", .above = -1}},
		{"5.0.0", "set_rows-1.rec", {.type = "q2_0"}},
		{"5.0.0", "soft_max-1.rec", {.op = "SOFT_MAX", .above = -1}},
		{"6.0.0", "add-1.rec", {.op = "ADD", .above = -1}},
		{"6.0.0", "gated_delta_net-1.rec", {.op = "GATED_DELTA_NET", .word = 0, .above = 1}},
		{"6.0.0", "get_rows-1.rec", {.type = "q2_0"}},
		{"6.0.0", "mul_mat-1.rec", {.op = "MUL_MAT", .above = -1}},
		{"6.0.0", "set_rows-1.rec", {.type = "q2_0"}},
		{"7.0.0", "gated_delta_net-1.rec", {.op = "GATED_DELTA_NET", .word = 0, .above = 1}},
		{"7.0.0", "get_rows-1.rec", {.type = "q2_0"}},
		{"7.0.0", "mul_mat-1.rec", {.op = "MUL_MAT", .above = -1}},
		{"7.0.0", "rope-offset.rec", {.op = "ROPE", .word = 15, .above = 0}},
		{"7.0.0", "set_rows-1.rec", {.type = "q2_0"}},
		{"7.0.0", "soft_max-1.rec", {.op = "SOFT_MAX", .above = -1}},
	};
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		dialect = gw_dialect_parse(recorded[i].version);
		directory = recorded[i].version;
		struct tally tally = check(recorded[i].name);
		assert_int_equal(tally.n_with_use_count > 0, dialect->use_count);
		if (count(recorded[i].name, &recorded[i].wanted) == 0)
			fail_msg("%s/%s lacks what it should contain", directory, recorded[i].name);
	}
}

static void test_hello_of_a_stock_server(void **state)
{
	(void)state;
	struct gw_recording recording;
	load(&recording, "04-device-count.rec");
	struct gw_exchange x;
	assert_int_equal(gw_recording_next(&recording, dialect, &x), GW_RECORDING_EXCHANGE);
	struct gw_wire_hello_rsp rsp;
	assert_true(gw_wire_hello_rsp_decode(x.reply, x.reply_size, &rsp));
	assert_int_equal(rsp.version.major, 8);
	assert_int_equal(rsp.version.minor, 0);
	assert_int_equal(rsp.version.patch, 0);
	assert_int_equal(rsp.extensions, 0);
	gw_recording_free(&recording);
}

static enum gw_recording_step walk(struct gw_recording *recording)
{
	struct gw_exchange x;
	enum gw_recording_step step;
	do
		step = gw_recording_next(recording, dialect, &x);
	while (step == GW_RECORDING_EXCHANGE);
	return step;
}

/* The comparison above would prove little if a truncated recording went unnoticed. */
static void test_a_recording_that_ends_early_is_noticed(void **state)
{
	(void)state;
	for (int i = 0; i < GW_RECORDING_DIRECTIONS; i++) {
		struct gw_recording recording;
		load(&recording, "03-alloc-size.rec");
		recording.size[i]--;
		assert_int_equal(walk(&recording), GW_RECORDING_BAD);
		gw_recording_free(&recording);
	}
	struct gw_recording recording;
	assert_false(gw_recording_load(&recording, GGWIRE_TEST_DATA "/README.md"));
	assert_false(gw_recording_load(&recording, GGWIRE_TEST_DATA "/8.0.0/none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_llama_load_prompt_decode, in_8_0),
		cmocka_unit_test_setup(test_operations, in_8_0),
		cmocka_unit_test_setup(test_alloc_size, in_8_0),
		cmocka_unit_test_setup(test_device_count, in_8_0),
		cmocka_unit_test_setup(test_comm_init_and_2d, in_8_0),
		cmocka_unit_test_setup(test_4_0_0, in_4_0_0),
		cmocka_unit_test(test_4_0_3_to_7_0_0),
		cmocka_unit_test_setup(test_hello_of_a_stock_server, in_8_0),
		cmocka_unit_test_setup(test_a_recording_that_ends_early_is_noticed, in_8_0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
