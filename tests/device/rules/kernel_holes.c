/* Nodes that make ggml's kernels access memory outside their tensors, loop for ever or abort. Each node is valid before
 * one change and refused after it. indices.c tests the contents of row numbers. */
#include "device/rig.h"

#include <string.h>

#include "device/graph/graph_rules.h"
#include "device/nodes.h"

static ggml_backend_dev_t cpu;

static int setup(void **state)
{
	(void)state;
	cpu = rig_cpu();
	return nodes_open((size_t)16 << 20, false);
}

static void is_fine(const char *what, const struct ggml_tensor *n)
{
	struct gw_error err = {0};

	if (gw_rules_check_node(cpu, n, &err) != GW_OK)
		fail_msg("%s should be accepted: %s", what, err.text);
}

static void is_refused(const char *what, const struct ggml_tensor *n)
{
	if (gw_rules_check_node(cpu, n, NULL) == GW_OK)
		fail_msg("%s should be refused", what);
}

/* Kernels write the type that they expect, whatever type the result declares. */
static void wrong_type(const char *what, struct ggml_tensor *n, enum ggml_type type)
{
	is_fine(what, n);
	n->type = type;
	n->nb[0] = ggml_type_size(type);
	for (int i = 1; i < GGML_MAX_DIMS; i++)
		n->nb[i] = n->nb[i - 1] * (size_t)n->ne[i - 1];
	is_refused(what, n);
}

static void results_of_a_smaller_type(void **state)
{
	struct ggml_tensor *a = f32(8, 4, 2, 1);

	(void)state;
	wrong_type("SILU_BACK", ggml_silu_back(ctx, a, a), GGML_TYPE_I8);
	wrong_type("RMS_NORM", ggml_rms_norm(ctx, a, 1e-5f), GGML_TYPE_F16);
	wrong_type("GROUP_NORM", ggml_group_norm(ctx, a, 2, 1e-5f), GGML_TYPE_F16);
	wrong_type("GET_ROWS", ggml_get_rows(ctx, f32(8, 9, 1, 1), tensor(GGML_TYPE_I32, 3, 1, 1, 1)), GGML_TYPE_F16);
	wrong_type("SOFT_MAX", ggml_soft_max(ctx, a), GGML_TYPE_I8);
	wrong_type("SOFT_MAX_BACK", ggml_soft_max_ext_back(ctx, a, f32(8, 4, 2, 1), 1.0f, 0.0f), GGML_TYPE_F16);
	wrong_type("PAD", ggml_pad(ctx, a, 1, 1, 0, 0), GGML_TYPE_I8);
	wrong_type("ROLL", ggml_roll(ctx, a, 1, 1, 0, 0), GGML_TYPE_F16);
	wrong_type("TIMESTEP_EMBEDDING", ggml_timestep_embedding(ctx, f32(5, 1, 1, 1), 8, 100), GGML_TYPE_F16);
	wrong_type("LEAKY_RELU", ggml_leaky_relu(ctx, a, 0.1f, false), GGML_TYPE_I8);
	wrong_type("TRI", ggml_tri(ctx, f32(8, 8, 1, 1), GGML_TRI_TYPE_LOWER), GGML_TYPE_F16);
	wrong_type("GLU", ggml_swiglu(ctx, a), GGML_TYPE_I8);
	wrong_type("MUL_MAT", ggml_mul_mat(ctx, f32(8, 4, 1, 1), f32(8, 5, 1, 1)), GGML_TYPE_F16);
}

/* The elements overlap, and the kernel writes them one after the other. */
static void overlapping(const char *what, struct ggml_tensor *n)
{
	is_fine(what, n);
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		n->nb[i] = ggml_type_size(n->type);
	is_refused(what, n);
}

static void results_that_overlap_themselves(void **state)
{
	struct ggml_tensor *data = f32(9, 8, 4, 2), *k = f32(64, 2, 6, 1), *states = f32(64 * 64 * 2, 3, 1, 1);

	(void)state;
	overlapping("PAD", ggml_pad(ctx, data, 1, 1, 1, 1));
	overlapping("IM2COL", ggml_im2col(ctx, f32(3, 2, 4, 5), data, 1, 1, 0, 0, 1, 1, true, GGML_TYPE_F32));
	overlapping("POOL_2D", ggml_pool_2d(ctx, data, GGML_OP_POOL_MAX, 2, 2, 2, 2, 0, 0));
	overlapping("RWKV_WKV6", ggml_rwkv_wkv6(ctx, k, k, k, f32(64, 2, 1, 1), k, states));
	overlapping("RWKV_WKV7", ggml_rwkv_wkv7(ctx, k, k, k, k, k, k, states));
	overlapping("GATED_LINEAR_ATTN", ggml_gated_linear_attn(ctx, k, k, k, k, states, 1.0f));
	overlapping("ADD", ggml_add(ctx, data, data));
	overlapping("CPY", ggml_cpy(ctx, data, f32(9, 8, 4, 2)));
}

/* The kernel accesses the moments with the strides of the weights. */
static void moments_with_other_strides(void **state)
{
	struct ggml_tensor *w = f32(8, 4, 1, 1), *m = f32(8, 4, 1, 1);

	(void)state;
	ggml_set_param(w);
	struct ggml_tensor *n = ggml_opt_step_adamw(ctx, w, f32(8, 4, 1, 1), m, f32(8, 4, 1, 1), f32(7, 1, 1, 1));
	is_fine("OPT_STEP_ADAMW", n);
	m->nb[1] = 0;
	is_refused("OPT_STEP_ADAMW", n);
}

/* The stride between blocks is irrelevant for a single block, but ggml derives the extent from it. */
static void blocks_without_an_extent(void **state)
{
	struct ggml_tensor *from = tensor(GGML_TYPE_Q6_K, 256, 1, 1, 1), *to = tensor(GGML_TYPE_Q6_K, 256, 1, 1, 1);
	struct ggml_tensor *copy = ggml_cpy(ctx, from, to), *rows;

	(void)state;
	is_fine("CPY", copy);
	from->nb[0] = 0;
	is_refused("CPY", copy);
	from->nb[0] = copy->nb[0];
	is_fine("CPY", copy);
	copy->nb[0] = 0;
	is_refused("CPY", copy);
	rows = ggml_get_rows(ctx, from, tensor(GGML_TYPE_I32, 1, 1, 1, 1));
	is_fine("GET_ROWS", rows);
	from->nb[0] = 1;
	is_refused("GET_ROWS", rows);
}

/* The kernel would call a NULL function pointer. */
static void blocks_that_cannot_be_read(void **state)
{
	struct ggml_tensor *to = tensor(GGML_TYPE_F32, 256, 1, 1, 1);

	(void)state;
	is_fine("CPY", ggml_cpy(ctx, tensor(GGML_TYPE_Q8_0, 256, 1, 1, 1), to));
	is_refused("CPY", ggml_cpy(ctx, tensor(GGML_TYPE_Q8_1, 256, 1, 1, 1), to));
	is_refused("CPY", ggml_cpy(ctx, tensor(GGML_TYPE_Q8_K, 256, 1, 1, 1), to));
}

static void changed_param(const char *what, struct ggml_tensor *n, int word, int32_t value)
{
	int32_t before = n->op_params[word];

	is_fine(what, n);
	n->op_params[word] = value;
	is_refused(what, n);
	n->op_params[word] = before;
}

static void changed_extent(const char *what, struct ggml_tensor *n, struct ggml_tensor *t, int dim, int64_t value)
{
	int64_t before = t->ne[dim];

	is_fine(what, n);
	t->ne[dim] = value;
	is_refused(what, n);
	t->ne[dim] = before;
}

static void operations_that_had_no_rules(void **state)
{
	struct ggml_tensor *n, *w = f32(3, 4, 5, 2);

	(void)state;
	n = ggml_add_rel_pos(ctx, f32(9, 20, 2, 1), w, f32(3, 4, 5, 2));
	changed_extent("ADD_REL_POS", n, w, 0, 30);
	n = ggml_win_part(ctx, f32(6, 9, 7, 1), 4);
	changed_param("WIN_PART", n, 2, 400);
	changed_param("WIN_PART", n, 0, 3000);
	n = ggml_win_unpart(ctx, f32(6, 4, 4, 6), 9, 7, 4);
	changed_param("WIN_UNPART", n, 0, 0);
	changed_param("WIN_UNPART", n, 0, 1);
	n = ggml_pad_reflect_1d(ctx, f32(8, 3, 1, 1), 2, 3);
	changed_param("PAD_REFLECT_1D", n, 0, 2000);
	changed_param("PAD_REFLECT_1D", n, 1, -4);
	n = ggml_get_rel_pos(ctx, tensor(GGML_TYPE_F16, 6, 9, 1, 1), 5, 5);
	changed_extent("GET_REL_POS", n, n->src[0], 1, 3);
	n = ggml_conv_3d_direct(ctx, f32(3, 2, 2, 6), f32(9, 8, 7, 6), 1, 1, 1, 0, 0, 0, 1, 1, 1, 3, 2, 2);
	changed_param("CONV_3D", n, 11, 200);
	changed_param("CONV_3D", n, 9, 30);
	changed_param("CONV_3D", n, 0, 0);
	n = ggml_upscale(ctx, f32(8, 2, 5, 3), 2, GGML_SCALE_MODE_BILINEAR);
	changed_param("UPSCALE", n, 0, GGML_SCALE_MODE_COUNT);
	n = ggml_arange(ctx, 0, 10, 1);
	changed_extent("ARANGE", n, n, 0, 3);
	n = ggml_solve_tri(ctx, f32(6, 6, 2, 1), f32(3, 6, 2, 1), true, true, false);
	changed_extent("SOLVE_TRI", n, n->src[0], 0, 60);
	n = ggml_col2im_1d(ctx, f32(12, 7, 1, 1), 2, 3, 1);
	changed_param("COL2IM_1D", n, 0, 0);
}

/* The rules do not know this operation, and its constructor aborts. */
static void an_operation_without_a_row(void **state)
{
	struct ggml_tensor *a = f32(8, 8, 1, 1), *n = f32(8, 8, 1, 1);

	(void)state;
	n->op = GGML_OP_FLASH_ATTN_BACK;
	for (int i = 0; i < 4; i++)
		n->src[i] = a;
	is_refused("FLASH_ATTN_BACK", n);
}

static struct ggml_tensor *rope(int64_t head, int64_t factors, int dims)
{
	return ggml_rope_ext(ctx, f32(head, 2, 3, 1), tensor(GGML_TYPE_I32, 3, 1, 1, 1), f32(factors, 1, 1, 1), dims,
		GGML_ROPE_TYPE_NEOX, 0, 10000.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f);
}

/* Found by `make fuzz-kernels`. */
static void holes_found_by_fuzzing(void **state)
{
	struct ggml_tensor *n = rope(16, 8, 8), *a = f32(4, 3, 1, 1);

	(void)state;
	is_fine("ROPE", n);
	n->ne[0] = n->src[0]->ne[0] = 15; /* pairs are copied */
	is_refused("ROPE of an odd head", n);
	n = ggml_count_equal(ctx, tensor(GGML_TYPE_I32, 4, 6, 1, 1), tensor(GGML_TYPE_I32, 4, 6, 1, 1));
	is_fine("COUNT_EQUAL", n);
	for (int i = 0; i < 2; i++) {
		n->src[i]->ne[1] = 2;
		n->src[i]->ne[2] = 3;
	}
	is_refused("COUNT_EQUAL of more than a matrix", n);
	n = ggml_sum(ctx, a);
	is_fine("SUM", n);
	a->nb[0] = 0;
	is_refused("SUM of a row of one number", n);
	n = ggml_pad_ext_circular(ctx, f32(4, 3, 1, 1), 4, 0, 0, 0, 0, 0, 0, 0);
	is_fine("PAD", n);
	n->ne[0] = 13;
	n->op_params[0] = 9;
	n->nb[1] = n->nb[2] = n->nb[3] = 0;
	is_refused("PAD twice around", n);
	n = ggml_pool_2d(ctx, f32(9, 8, 1, 1), GGML_OP_POOL_MAX, 2, 2, 2, 2, 0, 0);
	is_fine("POOL_2D", n);
	n->src[0]->nb[2] = 0;
	is_refused("POOL_2D of planes 0 bytes apart", n);
	n = ggml_mul_mat(ctx, f32(8, 4, 1, 1), f32(8, 5, 1, 1));
	is_fine("MUL_MAT", n);
	ggml_mul_mat_set_hint(n, GGML_HINT_SRC0_IS_HADAMARD);
	is_refused("MUL_MAT by what is no Hadamard matrix", n);
	n = ggml_cont(ctx, tensor(GGML_TYPE_Q8_0, 32, 2, 1, 1));
	wrong_type("CONT", n, GGML_TYPE_F32);
}

/* A sort reads its source again and again while it writes the result. */
static void results_on_top_of_what_decides(void **state)
{
	struct ggml_tensor *a = f32(40, 2, 1, 1), *n = ggml_argsort(ctx, a, GGML_SORT_ORDER_ASC);

	(void)state;
	is_fine("ARGSORT", n);
	n->data = a->data;
	is_refused("ARGSORT in place", n);
	n = ggml_scale(ctx, a, 2.0f);
	n->data = a->data;
	is_fine("SCALE in place", n);
	n->data = (char *)a->data + 4;
	is_refused("SCALE in almost the same place", n);
}

/* Column ranges of one matrix: their rows interleave in memory without overlapping. */
static void interleaved_columns_do_not_overlap(void **state)
{
	struct ggml_tensor *m = f32(10, 4, 1, 1), *a = ggml_view_2d(ctx, m, 4, 4, m->nb[1], 0);
	struct ggml_tensor *b = ggml_view_2d(ctx, m, 4, 4, m->nb[1], 5 * m->nb[0]);
	struct ggml_tensor *sum = ggml_add_inplace(ctx, b, f32(4, 4, 1, 1)), *copy = ggml_cpy(ctx, a, b);

	(void)state;
	sum->src[0] = a;
	for (size_t at = 4; at <= 6; at++) {
		sum->data = copy->data = (float *)m->data + at;
		is_fine("ADD into the next columns", sum);
		is_fine("CPY into the next columns", copy);
	}
	sum->data = copy->data = (float *)m->data + 3;
	is_refused("ADD into some of the same columns", sum);
	is_refused("CPY into some of the same columns", copy);
	sum->data = copy->data = (float *)m->data + 7;
	is_refused("ADD into the next row", sum);
	is_refused("CPY into the next row", copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nodes_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(results_of_a_smaller_type),
		TEST(results_that_overlap_themselves),
		TEST(moments_with_other_strides),
		TEST(blocks_without_an_extent),
		TEST(blocks_that_cannot_be_read),
		TEST(operations_that_had_no_rules),
		TEST(an_operation_without_a_row),
		TEST(holes_found_by_fuzzing),
		TEST(results_on_top_of_what_decides),
		TEST(interleaved_columns_do_not_overlap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
