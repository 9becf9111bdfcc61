/* Parameters are exchanged between versions only if the receiver certainly knows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ggml/layout.h"
#include "ggml/opmap.h"

#define FLOAT_1 0x3f800000

static const struct gw_opmap *map(const char *version)
{
	return gw_opmap_for(gw_dialect_parse(version));
}

/* A node in which only the operation and one word are set. */
static struct ggml_tensor node_of(enum ggml_op op, unsigned word, int32_t value)
{
	struct ggml_tensor node = {.op = op};
	node.op_params[word] = value;
	return node;
}

/* The word that a server of the version receives; false if the operation stays local. */
static bool sent(const char *version, enum ggml_op op, unsigned word, int32_t value, int32_t *out)
{
	struct ggml_tensor node = node_of(op, word, value);
	int32_t params[GW_PARAMS];
	if (gw_opmap_params_to_wire(map(version), &node, params, NULL) != GW_OK)
		return false;
	*out = params[word];
	return true;
}

/* The word that the running ggml receives from a client; false if it is refused. */
static bool taken(const char *version, enum ggml_op op, unsigned word, int32_t value, int32_t *out)
{
	struct ggml_tensor node = node_of(op, word, value);
	if (gw_opmap_node_to_local(map(version), &node, NULL, NULL) != GW_OK)
		return false;
	*out = node.op_params[word];
	return true;
}

static void assert_sent(const char *version, enum ggml_op op, unsigned word, int32_t value, int32_t expected)
{
	int32_t out = 0;
	assert_true(sent(version, op, word, value, &out));
	assert_int_equal(out, expected);
}

static void assert_kept(const char *version, enum ggml_op op, unsigned word, int32_t value)
{
	int32_t out = 0;
	assert_false(sent(version, op, word, value, &out));
}

static void assert_taken(const char *version, enum ggml_op op, unsigned word, int32_t value, int32_t expected)
{
	int32_t out = 0;
	assert_true(taken(version, op, word, value, &out));
	assert_int_equal(out, expected);
}

/* Sent from the given version on, and before it only with the value that means the old behaviour. Accepted from any
 * client, which must know its meaning. */
static void assert_later(enum ggml_op op, unsigned word, int32_t value, const char *since)
{
	struct gw_version first = gw_dialect_parse(since)->version;
	const struct gw_dialect *d;
	for (size_t i = 0; (d = gw_dialect_at(i)); i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u.%u.%u", d->version.major, d->version.minor, d->version.patch);
		assert_taken(text, op, word, value, value);
		if (gw_version_at_least(d->version, first))
			assert_sent(text, op, word, value, value);
		else
			assert_kept(text, op, word, value);
	}
}

static void assert_common(enum ggml_op op, unsigned word, int32_t value)
{
	assert_later(op, word, value, "4.0.0");
}

static void test_later_words_are_sent_to_newer_servers_only(void **state)
{
	(void)state;
	assert_later(GGML_OP_ROPE, 15, 32, "6.0");
	assert_later(GGML_OP_ROPE_BACK, 15, 32, "6.0");
	assert_later(GGML_OP_SSM_SCAN, 0, 4, "6.0");
	assert_later(GGML_OP_GATED_DELTA_NET, 0, 4, "4.0.2");
	assert_later(GGML_OP_MUL_MAT, 1, 1, "4.0.2");
	assert_later(GGML_OP_MUL_MAT, 2, 20, "8.0");
	assert_later(GGML_OP_MUL_MAT, 3, 30, "8.0");
	assert_later(GGML_OP_MUL_MAT_ID, 0, 10, "8.0");
	assert_later(GGML_OP_MUL_MAT_ID, 3, 10, "8.0");
	assert_later(GGML_OP_DSV4_HC_PRE, 1, 1, "8.0");
	assert_common(GGML_OP_ROPE, 14, 7);
	assert_common(GGML_OP_FLASH_ATTN_EXT, 2, 1);
	assert_common(GGML_OP_CONV_3D, 11, 9);
}

static void test_hints_are_dropped_for_older_servers(void **state)
{
	(void)state;
	assert_sent("6.0", GGML_OP_FLASH_ATTN_EXT, 4, 512, 0);
	assert_sent("7.0", GGML_OP_FLASH_ATTN_EXT, 4, 512, 512);
	assert_taken("4.0", GGML_OP_FLASH_ATTN_EXT, 4, 512, 512);
}

/* No known ggml sets these words, so a client that does has a newer ggml. */
static void test_unknown_words_pass_to_newer_sides_only(void **state)
{
	(void)state;
	assert_kept("7.0", GGML_OP_ADD, 0, 1);
	assert_sent("8.0", GGML_OP_ADD, 0, 1, 1);
	assert_taken("7.0", GGML_OP_ADD, 0, 1, 1);
}

static void test_later_precisions(void **state)
{
	(void)state;
	static const int32_t later[] = {15, 20, 30, 40};
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		assert_later(GGML_OP_MUL_MAT, 0, later[i], "8.0");
		assert_later(GGML_OP_FLASH_ATTN_EXT, 3, later[i], "8.0");
	}
	assert_common(GGML_OP_MUL_MAT, 0, GGML_PREC_F32);
	assert_common(GGML_OP_FLASH_ATTN_EXT, 3, GGML_PREC_F32);
}

static void test_variants_pass_by_name(void **state)
{
	(void)state;
	int32_t out = 0;
	for (int32_t i = 0; i < GGML_UNARY_OP_COUNT; i++)
		assert_common(GGML_OP_UNARY, 0, i);
	for (int32_t i = 0; i < 6; i++)
		assert_common(GGML_OP_GLU, 0, i);
	assert_later(GGML_OP_GLU, 0, 6, "7.0");
	assert_false(sent("4.0", GGML_OP_UNARY, 0, GGML_UNARY_OP_COUNT, &out));
	assert_false(taken("8.0", GGML_OP_UNARY, 0, GGML_UNARY_OP_COUNT, &out));
	assert_false(taken("8.0", GGML_OP_UNARY, 0, -1, &out));
	assert_false(taken("8.0", GGML_OP_GLU, 0, 7, &out));
}

/* A client that does not know the word sends zero, which the server translates to its old meaning. */
static void test_old_defaults_are_written_out(void **state)
{
	(void)state;
	static const struct {
		enum ggml_op op;
		int32_t before;
	} cases[] = {{GGML_OP_GATED_DELTA_NET, 1}, {GGML_OP_SSM_SCAN, 1}, {GGML_OP_DSV4_HC_PRE, FLOAT_1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_taken("4.0", cases[i].op, 0, 0, cases[i].before);
		assert_taken("8.0", cases[i].op, 0, 0, cases[i].before);
		assert_sent("6.0", cases[i].op, 0, cases[i].before, cases[i].before);
		assert_sent("8.0", cases[i].op, 0, cases[i].before, cases[i].before);
	}
}

static void test_changed_operations_stay_local(void **state)
{
	(void)state;
	static const enum ggml_op young[] = {GGML_OP_LIGHTNING_INDEXER, GGML_OP_DSV4_HC_COMB, GGML_OP_DSV4_HC_PRE};
	for (size_t i = 0; i < sizeof(young) / sizeof(young[0]); i++) {
		assert_kept("5.1", young[i], 0, 0);
		assert_taken("5.1", young[i], 5, 0, 0);
		assert_sent("6.0", young[i], 5, 0, 0);
	}
	assert_kept("4.0.1", GGML_OP_GATED_DELTA_NET, 0, 1);
	assert_sent("4.0.2", GGML_OP_GATED_DELTA_NET, 0, 1, 1);
}

static void test_a_source_that_became_optional_is_required_before(void **state)
{
	(void)state;
	struct ggml_tensor post = {.op = GGML_OP_DSV4_HC_POST}, comb = {0};
	int32_t out[GW_PARAMS];
	assert_int_equal(gw_opmap_params_to_wire(map("7.0"), &post, out, NULL), GW_ERR_UNSUPPORTED);
	assert_int_equal(gw_opmap_params_to_wire(map("8.0"), &post, out, NULL), GW_OK);
	post.src[3] = &comb;
	assert_int_equal(gw_opmap_params_to_wire(map("7.0"), &post, out, NULL), GW_OK);
}

/* Servers before 8.0 abort on such shapes. */
static void set_extents(struct ggml_tensor *t, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	const int64_t ne[GGML_MAX_DIMS] = {ne0, ne1, ne2, ne3};
	memcpy(t->ne, ne, sizeof(ne));
	t->nb[0] = ggml_type_size(t->type);
	for (int i = 1; i < GGML_MAX_DIMS; i++)
		t->nb[i] = t->nb[i - 1] * (size_t)t->ne[i - 1];
}

static void test_bf16_stays_local_without_kernels(void **state)
{
	(void)state;
	static const struct {
		enum ggml_op op;
		int32_t variant;
	} cases[] = {{GGML_OP_SCALE, 0}, {GGML_OP_GLU, GGML_GLU_OP_SWIGLU}, {GGML_OP_UNARY, GGML_UNARY_OP_GELU},
		{GGML_OP_UNARY, GGML_UNARY_OP_SILU}};
	int32_t out[GW_PARAMS];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ggml_tensor node = {.op = cases[i].op, .type = GGML_TYPE_BF16};
		node.op_params[0] = cases[i].variant;
		assert_int_equal(gw_opmap_params_to_wire(map("7.0"), &node, out, NULL), GW_ERR_UNSUPPORTED);
		assert_int_equal(gw_opmap_params_to_wire(map("8.0"), &node, out, NULL), GW_OK);
		assert_int_equal(gw_opmap_node_to_local(map("7.0"), &node, NULL, NULL), GW_OK);
		node.type = GGML_TYPE_F16;
		assert_int_equal(gw_opmap_params_to_wire(map("7.0"), &node, out, NULL), GW_OK);
	}
	struct ggml_tensor relu = {.op = GGML_OP_UNARY, .type = GGML_TYPE_BF16, .op_params = {GGML_UNARY_OP_RELU}};
	assert_int_equal(gw_opmap_params_to_wire(map("4.0"), &relu, out, NULL), GW_OK);
	struct ggml_tensor oai = {.op = GGML_OP_GLU, .type = GGML_TYPE_F16, .op_params = {GGML_GLU_OP_SWIGLU_OAI}};
	assert_int_equal(gw_opmap_params_to_wire(map("7.0"), &oai, out, NULL), GW_ERR_UNSUPPORTED);
	assert_int_equal(gw_opmap_params_to_wire(map("8.0"), &oai, out, NULL), GW_OK);
}

/* Nodes that need a kernel that was added later, and the property that requires it. */
static void test_shapes_and_types_without_kernels_stay_local(void **state)
{
	(void)state;
	struct ggml_tensor f16 = {.type = GGML_TYPE_F16}, f32 = {.type = GGML_TYPE_F32};
	struct ggml_tensor gaps = f32, images = f32;
	set_extents(&f16, 4, 4, 1, 1);
	set_extents(&f32, 4, 4, 1, 1);
	set_extents(&gaps, 4, 4, 1, 1);
	gaps.nb[1] *= 2;
	set_extents(&images, 4, 4, 1, 2);
	const struct {
		enum ggml_op op;
		enum ggml_type type;
		struct ggml_tensor *with[2], *without[2];
		const char *last, *first; /* versions that may lack the kernel, and that have it */
	} cases[] = {
		{GGML_OP_CONV_2D_DW, GGML_TYPE_F32, {&f16, &f32}, {&f32, &f32}, "4.0.3", "5.0"},
		{GGML_OP_IM2COL, GGML_TYPE_F16, {&f32, &f32}, {&f16, &f32}, "4.0.3", "5.0"},
		{GGML_OP_CONV_TRANSPOSE_2D, GGML_TYPE_F32, {&f16, &images}, {&f16, &f32}, "6.0", "7.0"},
		{GGML_OP_CLAMP, GGML_TYPE_F32, {&gaps}, {&f32}, "7.0", "8.0"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ggml_tensor node = {.op = cases[i].op, .type = cases[i].type};
		int32_t out[GW_PARAMS];
		memcpy(node.src, cases[i].with, sizeof(cases[i].with));
		assert_int_equal(gw_opmap_params_to_wire(map(cases[i].last), &node, out, NULL), GW_ERR_UNSUPPORTED);
		assert_int_equal(gw_opmap_params_to_wire(map(cases[i].first), &node, out, NULL), GW_OK);
		memcpy(node.src, cases[i].without, sizeof(cases[i].without));
		assert_int_equal(gw_opmap_params_to_wire(map(cases[i].last), &node, out, NULL), GW_OK);
	}
	struct ggml_tensor node = {.op = GGML_OP_CONCAT, .type = GGML_TYPE_Q8_0, .src = {&f32, &f32}};
	int32_t out[GW_PARAMS];
	assert_int_equal(gw_opmap_params_to_wire(map("4.0.3"), &node, out, NULL), GW_ERR_UNSUPPORTED);
	node.type = GGML_TYPE_F32;
	assert_int_equal(gw_opmap_params_to_wire(map("4.0.3"), &node, out, NULL), GW_OK);
}

static void test_nodes_that_nobody_computes_pass_unchanged(void **state)
{
	(void)state;
	assert_common(GGML_OP_VIEW, 1, 77);
	assert_common(GGML_OP_PERMUTE, 3, 3);
	assert_common(GGML_OP_NONE, 15, -1);
}

static void test_the_word_and_the_version_are_named(void **state)
{
	(void)state;
	struct ggml_tensor node = node_of(GGML_OP_ROPE, 15, 4);
	int32_t out[GW_PARAMS];
	struct gw_error err;
	assert_int_equal(gw_opmap_params_to_wire(map("5.1"), &node, out, &err), GW_ERR_UNSUPPORTED);
	assert_string_equal(err.text, "parameter 15 has the value 4, which protocol 5.1.0 may not know");
}

/* GATED_DELTA_NET over two sequences, with a state of the given shape. */
struct delta {
	struct ggml_tensor node, v, state, spare;
};

static void delta_init(struct delta *d, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	*d = (struct delta){.node = {.op = GGML_OP_GATED_DELTA_NET},
		.v = {.ne = {8, 3, 5, 2}},
		.state = {.type = GGML_TYPE_F32, .ne = {ne0, ne1, ne2, ne3}, .nb = {4}, .data = d}};
	for (int i = 1; i < GGML_MAX_DIMS; i++)
		d->state.nb[i] = d->state.nb[i - 1] * (size_t)d->state.ne[i - 1];
	d->node.src[2] = &d->v;
	d->node.src[5] = &d->state;
}

static enum gw_status delta_take(struct delta *d, const char *version, struct gw_error *err)
{
	return gw_opmap_node_to_local(map(version), &d->node, &d->spare, err);
}

static void test_states_of_old_shapes_are_read_correctly(void **state)
{
	(void)state;
	struct delta d;
	static const int64_t shape[] = {8, 8, 3, 2};

	delta_init(&d, 8 * 8 * 3, 2, 1, 1);
	assert_int_equal(delta_take(&d, "4.0.0", NULL), GW_OK);
	assert_ptr_equal(d.node.src[5], &d.spare);
	assert_memory_equal(d.spare.ne, shape, sizeof(shape));
	assert_int_equal(d.spare.nb[3], 8 * 8 * 3 * 4);
	assert_ptr_equal(d.spare.data, d.state.data);
	assert_int_equal(d.node.op_params[0], 1);

	delta_init(&d, 8 * 8 * 3, 1, 2, 1); /* one state per sequence */
	assert_int_equal(delta_take(&d, "4.0.1", NULL), GW_OK);
	assert_memory_equal(d.node.src[5]->ne, shape, sizeof(shape));

	delta_init(&d, 8, 8, 3, 2);
	assert_int_equal(delta_take(&d, "4.0.1", NULL), GW_OK);
	assert_ptr_equal(d.node.src[5], &d.state);
}

static void test_ambiguous_states_are_refused(void **state)
{
	(void)state;
	struct delta d;
	struct gw_error err;

	delta_init(&d, 8 * 8 * 3, 4, 2, 1); /* four states per sequence */
	assert_int_equal(delta_take(&d, "4.0.1", &err), GW_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "its state of shape [192, 4, 2, 1]"));
	delta_init(&d, 8 * 8 * 3, 2, 1, 1);
	d.state.nb[1] += 4; /* with a gap */
	assert_int_equal(delta_take(&d, "4.0.1", NULL), GW_ERR_UNSUPPORTED);
}

static void test_larger_results_are_expected_as_the_version_does(void **state)
{
	(void)state;
	assert_true(gw_opmap_may_expand(map("4.0"), GGML_OP_MUL_MAT_ID));
	assert_true(gw_opmap_may_expand(map("4.0"), GGML_OP_FLASH_ATTN_EXT));
	assert_false(gw_opmap_may_expand(map("4.0"), GGML_OP_MUL_MAT));
	for (uint32_t op = 0; op < GGML_OP_COUNT; op++) {
		bool expands = ggml_op_alloc_size_may_expand((enum ggml_op)op);
		assert_int_equal(gw_opmap_may_expand(map("6.0"), (enum ggml_op)op), expands);
		assert_int_equal(gw_opmap_may_expand(map("8.0"), (enum ggml_op)op), expands);
	}
}

static void test_types_are_those_that_each_release_has(void **state)
{
	(void)state;
	assert_int_equal(gw_opmap_type_wire(map("4.0.1"), GGML_TYPE_Q2_0), GW_NO_NUMBER);
	assert_int_equal(gw_opmap_type_wire(map("4.0.2"), GGML_TYPE_Q2_0), 42);
	assert_int_equal(gw_opmap_type_local(map("4.0.1"), 42), GGML_TYPE_Q2_0);
	assert_int_equal(gw_opmap_type_local(map("4.0.1"), 43), GW_NO_NUMBER);
}

/* Random nodes: types, extents, missing sources, small and large words. */
static void randomize(struct ggml_tensor *node, struct ggml_tensor src[4], uint32_t *seed)
{
	static const enum ggml_type types[] = {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0};

	for (unsigned i = 0; i < 4; i++) {
		*seed = *seed * 1664525 + 1013904223;
		src[i].type = types[*seed >> 28 & 3];
		set_extents(&src[i], 32, 1 + (*seed >> 26 & 3), 1 + (*seed >> 24 & 1), 1 + (*seed >> 25 & 1));
		node->src[i] = *seed >> 20 & 7 ? &src[i] : NULL;
	}
	for (unsigned i = 0; i < GW_PARAMS; i++) {
		*seed = *seed * 1664525 + 1013904223;
		node->op_params[i] = (int32_t)(*seed >> 31 ? *seed >> (*seed >> 26 & 31) : 0);
	}
	node->type = types[*seed >> 28 & 3];
	set_extents(node, 32, 2, 1, 1);
}

/* What is passed on without a look is what would be allowed and left as it is. */
static void test_params_that_are_not_looked_at_need_no_look(void **state)
{
	const struct gw_dialect *d;
	uint32_t seed = 1;
	size_t n = 0;

	(void)state;
	for (size_t k = 0; (d = gw_dialect_at(k)); k++) {
		const struct gw_opmap *m = gw_opmap_for(d);
		for (unsigned op = 0; op < GGML_OP_COUNT; op++)
			for (unsigned i = 0; m->same_params[op] && i < 200; i++, n++) {
				struct ggml_tensor node = {.op = (enum ggml_op)op}, src[4] = {{0}};
				int32_t out[GW_PARAMS];
				randomize(&node, src, &seed);
				assert_int_equal(gw_params_check_node(m->rules[op], &m->here, &node, NULL), GW_OK);
				assert_int_equal(gw_params_check_node(m->rules[op], &m->server, &node, NULL), GW_OK);
				assert_int_equal(gw_params_translate(
							 m->rules[op], &m->here, &m->server, node.op_params, out, NULL),
					GW_OK);
				assert_memory_equal(out, node.op_params, sizeof(out));
				assert_int_equal(gw_params_translate(
							 m->rules[op], &m->client, &m->here, node.op_params, out, NULL),
					GW_OK);
				assert_memory_equal(out, node.op_params, sizeof(out));
			}
	}
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later_words_are_sent_to_newer_servers_only),
		cmocka_unit_test(test_hints_are_dropped_for_older_servers),
		cmocka_unit_test(test_unknown_words_pass_to_newer_sides_only),
		cmocka_unit_test(test_later_precisions),
		cmocka_unit_test(test_variants_pass_by_name),
		cmocka_unit_test(test_old_defaults_are_written_out),
		cmocka_unit_test(test_changed_operations_stay_local),
		cmocka_unit_test(test_a_source_that_became_optional_is_required_before),
		cmocka_unit_test(test_bf16_stays_local_without_kernels),
		cmocka_unit_test(test_shapes_and_types_without_kernels_stay_local),
		cmocka_unit_test(test_nodes_that_nobody_computes_pass_unchanged),
		cmocka_unit_test(test_the_word_and_the_version_are_named),
		cmocka_unit_test(test_states_of_old_shapes_are_read_correctly),
		cmocka_unit_test(test_ambiguous_states_are_refused),
		cmocka_unit_test(test_larger_results_are_expected_as_the_version_does),
		cmocka_unit_test(test_types_are_those_that_each_release_has),
		cmocka_unit_test(test_params_that_are_not_looked_at_need_no_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
