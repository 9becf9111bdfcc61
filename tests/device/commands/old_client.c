/* Graphs of old clients keep their meaning on this ggml: parameters and types that were added later, and all earlier
 * shapes of GATED_DELTA_NET's state. */
#include "device/rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ops.h"

#define FLOAT_1 0x3f800000

enum {
	SIZE = 4,
	HEADS = 3,
	TOKENS = 2,
	SEQUENCES = 2
};

struct client {
	struct gw_server *server;
	struct rig rig;
	struct gw_client *c;
	const struct gw_dialect *dialect;
	struct rig_buffer buffer;
	uint64_t used;
};

static void client_open(struct client *k, const char *version)
{
	struct gw_server_options options = rig_options();

	k->dialect = options.dialect = gw_dialect_parse(version);
	k->server = rig_server(&options);
	k->c = rig_client(&k->rig, k->server);
	k->buffer = rig_alloc(k->c, 1 << 16);
	k->used = 0;
}

static void client_close(struct client *k)
{
	rig_leave(&k->rig, k->c);
	gw_server_free(k->server);
}

/* A contiguous F32 tensor of these extents. */
static struct gw_wire_tensor tensor(struct client *k, uint32_t n0, uint32_t n1, uint32_t n2, uint32_t n3)
{
	struct gw_wire_tensor t = rig_tensor(0, &k->buffer, k->used, n0, n1);

	t.ne[2] = n2;
	t.ne[3] = n3;
	t.nb[2] = n0 * n1 * 4;
	t.nb[3] = t.nb[2] * n2;
	k->used += (t.nb[3] * (uint64_t)n3 + 63) & ~UINT64_C(63);
	return t;
}

static size_t count(const struct gw_wire_tensor *t)
{
	return (size_t)t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

/* Fills a tensor with values that differ between elements and between tensors. */
static void fill(struct client *k, const struct gw_wire_tensor *t, unsigned seed)
{
	float values[2048];

	assert_true(count(t) <= 2048);
	for (size_t i = 0; i < count(t); i++)
		values[i] = sinf((float)(i * 7 + seed * 13)) / 2;
	rig_set(k->c, t, 0, values, count(t) * sizeof(float));
}

static void give(struct client *k, struct gw_wire_tensor *node, const char *op)
{
	node->op = gw_names_find(k->dialect->ops, op);
	node->flags = GGML_TENSOR_FLAG_COMPUTE;
	assert_int_not_equal(node->op, GW_NO_NUMBER);
}

static void compute(struct client *k, const struct gw_wire_tensor *tensors, uint32_t n)
{
	size_t size;
	void *body = rig_graph(k->dialect, 0, 0, &tensors[n - 1].id, 1, tensors, n, &size);
	struct iovec part = {body, size};

	assert_int_equal(gw_client_post(k->c, GW_CMD_GRAPH_COMPUTE, &part, 1), GW_OK);
	free(body);
}

/* The shape that a client gives the state. */
struct state_shape {
	uint32_t ne[4];
};

enum {
	RESULT = SIZE * HEADS * (TOKENS * SEQUENCES + SIZE * SEQUENCES)
};

/* A graph of one GATED_DELTA_NET with one state per sequence. */
static void delta_net(struct client *k, const struct state_shape *shape, int32_t states, struct gw_wire_tensor t[7])
{
	const uint32_t *s = shape->ne;

	for (int i = 0; i < 3; i++)
		t[i] = tensor(k, SIZE, HEADS, TOKENS, SEQUENCES);
	for (int i = 3; i < 5; i++)
		t[i] = tensor(k, 1, HEADS, TOKENS, SEQUENCES);
	t[5] = tensor(k, s[0], s[1], s[2], s[3]);
	t[6] = tensor(k, SIZE * HEADS, TOKENS * SEQUENCES + SIZE * SEQUENCES, 1, 1);
	for (unsigned i = 0; i < 6; i++) {
		fill(k, &t[i], i);
		t[6].src[i] = t[i].id;
	}
	t[6].op_params[0] = states;
	give(k, &t[6], "GATED_DELTA_NET");
}

static void delta_net_result(const char *version, struct state_shape shape, int32_t states, float out[RESULT])
{
	struct gw_wire_tensor t[7];
	struct client k;

	client_open(&k, version);
	delta_net(&k, &shape, states, t);
	compute(&k, t, 7);
	rig_get(k.c, &t[6], 0, out, RESULT * sizeof(float));
	client_close(&k);
}

/* The same bytes give the same result, whatever shape the client declares for the state. */
static void every_shape_of_the_state_gives_the_same_result(void **state)
{
	static const struct state_shape now = {{SIZE, SIZE, HEADS, SEQUENCES}};
	static const struct {
		const char *version;
		struct state_shape shape;
		int32_t states;
	} cases[] = {
		{"4.0.0", {{SIZE * SIZE * HEADS, SEQUENCES, 1, 1}}, 0},
		{"4.0.0", {{SIZE, SIZE, HEADS, SEQUENCES}}, 0},
		{"4.0.1", {{SIZE * SIZE * HEADS, 1, SEQUENCES, 1}}, 0},
		{"4.0.1", {{SIZE, SIZE, HEADS, SEQUENCES}}, 1},
	};
	float expected[RESULT], got[RESULT];

	(void)state;
	delta_net_result("8.0", now, 1, expected);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		delta_net_result(cases[i].version, cases[i].shape, cases[i].states, got);
		assert_memory_equal(got, expected, sizeof(got));
	}
}

/* Expects the connection to end with an error that contains these words. */
static void refused(struct client *k, const struct gw_wire_tensor *t, uint32_t n, const char *words)
{
	uint8_t reply[4];

	compute(k, t, n);
	assert_int_not_equal(gw_client_call(k->c, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply)), GW_OK);
	gw_client_close(k->c);
	rig_join(&k->rig);
	assert_int_equal(k->rig.end, GW_ERR_UNSUPPORTED);
	if (!strstr(k->rig.why.text, words))
		fail_msg("expected '%s' in '%s'", words, k->rig.why.text);
	gw_server_free(k->server);
}

static void several_states_per_sequence_are_refused(void **state)
{
	static const struct state_shape several = {{SIZE * SIZE * HEADS, 3, SEQUENCES, 1}};
	struct gw_wire_tensor t[7];
	struct client k;

	(void)state;
	client_open(&k, "4.0.1");
	delta_net(&k, &several, 0, t);
	refused(&k, t, 7, "GATED_DELTA_NET 't': its state of shape [48, 3, 2, 1]");
}

/* Before 0.25 the factor did not exist, and its word was zero. */
static void a_sum_without_a_factor_has_the_factor_one(void **state)
{
	float x[2048], w[16], got[8], sum = 0;
	struct gw_wire_tensor t[3];
	struct client k;

	(void)state;
	client_open(&k, "5.1");
	t[0] = tensor(&k, 8, 4, 1, 1);
	t[1] = tensor(&k, 4, 1, 1, 1);
	t[2] = tensor(&k, 8, 1, 1, 1);
	fill(&k, &t[0], 1);
	fill(&k, &t[1], 2);
	give(&k, &t[2], "DSV4_HC_PRE");
	t[2].src[0] = t[0].id;
	t[2].src[1] = t[1].id;
	compute(&k, t, 3);
	rig_get(k.c, &t[2], 0, got, sizeof(got));
	rig_get(k.c, &t[0], 0, x, count(&t[0]) * sizeof(float));
	rig_get(k.c, &t[1], 0, w, count(&t[1]) * sizeof(float));
	for (int h = 0; h < 4; h++)
		sum += x[h * 8] * w[h];
	assert_float_equal(got[0], sum, 1e-6);
	client_close(&k);
}

/* Some clients of 4.0.1 already have this type. */
static void types_added_within_a_version_are_accepted(void **state)
{
	struct gw_wire_tensor t[3];
	uint8_t zeros[64] = {0};
	float got[64];
	struct client k;

	(void)state;
	client_open(&k, "4.0.1");
	t[0] = tensor(&k, 64, 1, 1, 1);
	t[0].type = 42;
	t[0].nb[0] = (uint32_t)ggml_type_size(GGML_TYPE_Q2_0);
	t[0].nb[1] = t[0].nb[2] = t[0].nb[3] = (uint32_t)ggml_row_size(GGML_TYPE_Q2_0, 64);
	t[1] = tensor(&k, 64, 1, 1, 1);
	t[2] = tensor(&k, 64, 1, 1, 1);
	rig_set(k.c, &t[0], 0, zeros, t[0].nb[1]);
	give(&k, &t[2], "CPY");
	t[2].src[0] = t[0].id;
	t[2].src[1] = t[1].id;
	compute(&k, t, 3);
	rig_get(k.c, &t[2], 0, got, sizeof(got));
	for (int i = 0; i < 64; i++)
		assert_float_equal(got[i], 0, 0);
	client_close(&k);
}

/* The server need not know an operation that it does not compute. */
static void skipped_nodes_are_not_checked(void **state)
{
	struct gw_wire_tensor t[2];
	struct client k;

	(void)state;
	client_open(&k, "7.0");
	t[0] = tensor(&k, 8, 1, 1, 1);
	t[1] = tensor(&k, 8, 1, 1, 1);
	give(&k, &t[1], "UNARY");
	t[1].src[0] = t[0].id;
	t[1].op_params[0] = 1000;
	t[1].flags = 0;
	compute(&k, t, 2);
	assert_int_equal(gw_client_drain(k.c, GW_CLIENT_ALL), GW_OK);
	client_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_of_the_state_gives_the_same_result),
		cmocka_unit_test(several_states_per_sequence_are_refused),
		cmocka_unit_test(a_sum_without_a_factor_has_the_factor_one),
		cmocka_unit_test(types_added_within_a_version_are_accepted),
		cmocka_unit_test(skipped_nodes_are_not_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
