/* Nodes built by ggml's constructors pass the shape rules. The same nodes with one number changed do not. */
#include "device/rules/op_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "device/nodes.h"

static int setup(void **state)
{
	(void)state;
	return nodes_open((size_t)4 << 20, true);
}

static struct ggml_tensor *i32(int64_t a, int64_t b, int64_t c, int64_t d)
{
	return tensor(GGML_TYPE_I32, a, b, c, d);
}

static enum gw_status judge(const struct ggml_tensor *n)
{
	return gw_op_rules_judge(n, NULL);
}

static void accept(const struct ggml_tensor *n, const char *what)
{
	struct gw_error err = {0};
	if (gw_op_rules_judge(n, &err) != GW_OK)
		fail_msg("%s: %s", what, err.text);
}

/* Checks a valid operation, which must be refused when its result is longer in any dimension. */
static void check(struct ggml_tensor *n, const char *what)
{
	accept(n, what);
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		n->ne[i]++;
		if (judge(n) != GW_ERR_PROTOCOL)
			fail_msg("%s: dimension %d of the result may be anything", what, i);
		n->ne[i]--;
	}
}

#define CHECK(op) check(op, #op)

static void elementwise_operations(void **state)
{
	(void)state;
	struct ggml_tensor *a = f32(8, 4, 2, 2), *row = f32(8, 1, 1, 1), *part = f32(4, 2, 2, 1);
	CHECK(ggml_add(ctx, a, row));
	CHECK(ggml_sub(ctx, a, part));
	CHECK(ggml_mul(ctx, a, a));
	CHECK(ggml_div(ctx, a, row));
	CHECK(ggml_sqr(ctx, a));
	CHECK(ggml_silu(ctx, a));
	CHECK(ggml_scale(ctx, a, 2.0f));
	CHECK(ggml_clamp(ctx, a, 0.0f, 1.0f));
	CHECK(ggml_rms_norm(ctx, a, 1e-5f));
	CHECK(ggml_norm(ctx, a, 1e-5f));
	CHECK(ggml_group_norm(ctx, a, 2, 1e-5f));
	CHECK(ggml_swiglu(ctx, a));
	CHECK(ggml_swiglu_split(ctx, a, a));
	CHECK(ggml_diag_mask_inf(ctx, a, 1));
	CHECK(ggml_cpy(ctx, a, tensor(GGML_TYPE_F16, 4, 8, 4, 1)));
	CHECK(ggml_cont(ctx, ggml_permute(ctx, a, 1, 0, 2, 3)));
	CHECK(ggml_add_id(ctx, f32(8, 4, 2, 1), f32(8, 5, 1, 1), i32(4, 2, 1, 1)));
}

static void reductions_and_orders(void **state)
{
	(void)state;
	struct ggml_tensor *a = f32(8, 4, 2, 2);
	CHECK(ggml_sum(ctx, a));
	CHECK(ggml_sum_rows(ctx, a));
	CHECK(ggml_mean(ctx, a));
	CHECK(ggml_cumsum(ctx, a));
	CHECK(ggml_argmax(ctx, f32(8, 4, 1, 1)));
	CHECK(ggml_count_equal(ctx, i32(8, 4, 1, 1), i32(8, 4, 1, 1)));
	CHECK(ggml_argsort(ctx, a, GGML_SORT_ORDER_ASC));
	accept(ggml_argsort_top_k(ctx, a, 3)->src[0], "argsort_top_k");
	accept(ggml_top_k(ctx, a, 3), "top_k");
}

static void matrices(void **state)
{
	(void)state;
	CHECK(ggml_mul_mat(ctx, f32(8, 4, 2, 1), f32(8, 5, 4, 3)));
	CHECK(ggml_mul_mat(ctx, tensor(GGML_TYPE_Q8_0, 64, 4, 1, 1), f32(64, 5, 1, 1)));
	CHECK(ggml_mul_mat_id(ctx, f32(8, 4, 6, 1), f32(8, 1, 5, 1), i32(2, 5, 1, 1)));
	CHECK(ggml_out_prod(ctx, f32(8, 4, 1, 1), f32(6, 4, 2, 2)));
	CHECK(ggml_soft_max_ext(ctx, f32(8, 4, 2, 2), tensor(GGML_TYPE_F16, 8, 4, 1, 1), 1.0f, 0.0f));
	CHECK(ggml_flash_attn_ext(ctx, f32(64, 4, 8, 2), tensor(GGML_TYPE_F16, 64, 32, 2, 2),
		tensor(GGML_TYPE_F16, 64, 32, 2, 2), tensor(GGML_TYPE_F16, 32, 64, 1, 1), 1.0f, 0.0f, 0.0f));
}

static void rows_and_places(void **state)
{
	(void)state;
	struct ggml_tensor *a = f32(8, 4, 2, 2);
	CHECK(ggml_get_rows(ctx, f32(8, 10, 3, 1), i32(5, 3, 1, 1)));
	struct ggml_tensor *set =
		ggml_set_rows(ctx, f32(8, 10, 2, 1), f32(8, 5, 2, 1), tensor(GGML_TYPE_I64, 5, 2, 1, 1));
	accept(set, "set_rows");
	set->src[1]->type = GGML_TYPE_F32;
	assert_int_equal(judge(set), GW_ERR_PROTOCOL);
	CHECK(ggml_concat(ctx, a, f32(8, 3, 2, 2), 1));
	CHECK(ggml_pad(ctx, a, 1, 2, 0, 0));
	CHECK(ggml_roll(ctx, a, 3, -1, 0, 0));
	accept(ggml_repeat(ctx, f32(8, 1, 1, 1), a), "repeat");
	accept(ggml_repeat_back(ctx, a, f32(8, 1, 1, 1)), "repeat_back");
	accept(ggml_timestep_embedding(ctx, f32(5, 1, 1, 1), 8, 100), "timestep_embedding");
}

/* A parameter gives the number of states that follow the result, and may be wrong. */
static void states_behind_a_result_have_room(void **state)
{
	(void)state;
	struct ggml_tensor *qk = f32(8, 2, 5, 3), *v = f32(8, 4, 5, 3), *gate = f32(1, 4, 5, 3);
	struct ggml_tensor *n = ggml_gated_delta_net(ctx, qk, qk, v, gate, gate, f32(8, 8, 4, 3), 2);
	accept(n, "gated_delta_net");
	n->op_params[0] = 3;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->op_params[0] = -1;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->op_params[0] = INT32_MAX;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n = ggml_ssm_scan(ctx, f32(16, 8, 4, 3), f32(8, 4, 5, 3), f32(4, 5, 3, 1), f32(1, 4, 1, 1), f32(16, 2, 5, 3),
		f32(16, 2, 5, 3), i32(3, 1, 1, 1), 2);
	accept(n, "ssm_scan");
	n->op_params[0] = 3;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->op_params[0] = 0;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
}

static void writes_at_an_offset_stay_inside(void **state)
{
	(void)state;
	struct ggml_tensor *a = f32(8, 4, 2, 1), *b = f32(4, 2, 1, 1);
	struct ggml_tensor *n = ggml_set(ctx, a, b, a->nb[1], a->nb[2], a->nb[3], a->nb[2] + a->nb[1] * 2 + 16);
	accept(n, "set");
	n->op_params[3] += 4;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->op_params[3] = -4;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n = ggml_acc(ctx, a, b, a->nb[1], a->nb[2], a->nb[3], 0);
	accept(n, "acc");
	n->op_params[0] = INT32_MIN;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
}

/* A kernel would divide by a dimension of 0. */
static void broadcast_of_nothing_is_refused(void **state)
{
	(void)state;
	struct ggml_tensor *n = ggml_mul_mat(ctx, f32(8, 4, 2, 1), f32(8, 5, 4, 3));
	n->src[0]->ne[2] = 0;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n = ggml_add(ctx, f32(8, 4, 1, 1), f32(8, 1, 1, 1));
	n->src[1]->ne[1] = 0;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
}

static struct ggml_tensor *rope(int mode, int dims, int64_t head)
{
	int sections[4] = {4, 4, 0, 0};
	bool multi = mode != GGML_ROPE_TYPE_NORMAL && mode != GGML_ROPE_TYPE_NEOX;
	struct ggml_tensor *a = f32(head, 2, 6, 1), *p = i32(multi ? 24 : 6, 1, 1, 1), *f = f32(head, 1, 1, 1);
	return multi ? ggml_rope_multi(ctx, a, p, f, dims, sections, mode, 0, 10000.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f)
		     : ggml_rope_ext(ctx, a, p, f, dims, mode, 0, 10000.0f, 1.0f, 0.0f, 1.0f, 0.0f, 0.0f);
}

static void good_rope_passes(void **state)
{
	(void)state;
	check(rope(GGML_ROPE_TYPE_NORMAL, 16, 16), "normal");
	check(rope(GGML_ROPE_TYPE_NEOX, 8, 16), "neox");
	check(rope(GGML_ROPE_TYPE_MROPE, 16, 16), "mrope");
	check(rope(GGML_ROPE_TYPE_IMROPE, 16, 18), "imrope");
	check(rope(GGML_ROPE_TYPE_VISION, 8, 16), "vision");
}

/* Cases from docs/rope.md, "What travels": each aborts, hangs, divides by zero or reads beyond a tensor elsewhere. */
static void bad_rope_is_refused(void **state)
{
	(void)state;
	static const struct {
		int mode, slot;
		int32_t value;
	} cases[] = {
		{GGML_ROPE_TYPE_NEOX, 2, 1},
		{GGML_ROPE_TYPE_NEOX, 2, 4},
		{GGML_ROPE_TYPE_NEOX, 2, -1},
		{GGML_ROPE_TYPE_NEOX, 1, 0},
		{GGML_ROPE_TYPE_NEOX, 1, -8},
		{GGML_ROPE_TYPE_NEOX, 1, 7},
		{GGML_ROPE_TYPE_NEOX, 1, 18},
		{GGML_ROPE_TYPE_NEOX, 1, INT32_MAX},
		{GGML_ROPE_TYPE_VISION, 1, 6},
		{GGML_ROPE_TYPE_NEOX, 15, -2},
		{GGML_ROPE_TYPE_NEOX, 15, 3},
		{GGML_ROPE_TYPE_NEOX, 15, 10},
		{GGML_ROPE_TYPE_VISION, 15, 2},
		{GGML_ROPE_TYPE_MROPE, 11, -1},
		{GGML_ROPE_TYPE_MROPE, 14, INT32_MAX},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ggml_tensor *n = rope(cases[i].mode, 8, 16);
		n->op_params[cases[i].slot] = cases[i].value;
		if (judge(n) != GW_ERR_PROTOCOL)
			fail_msg("mode %d: slot %d may be %d", cases[i].mode, cases[i].slot, cases[i].value);
	}
	struct ggml_tensor *n = rope(GGML_ROPE_TYPE_MROPE, 8, 16);
	memset(&n->op_params[11], 0, 3 * sizeof(n->op_params[0]));
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n = rope(GGML_ROPE_TYPE_MROPE, 8, 16);
	n->src[1]->ne[0] = 6;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->src[1]->ne[0] = 24;
	n->src[1]->type = GGML_TYPE_F32;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n = rope(GGML_ROPE_TYPE_VISION, 8, 16);
	n->src[2]->ne[0] = 4;
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nodes_close)

static void convolutions(void **state)
{
	(void)state;
	struct ggml_tensor *data = f32(9, 8, 4, 2), *kernel = f32(3, 2, 4, 5), *one = f32(3, 2, 1, 4);
	struct ggml_tensor *line = f32(10, 4, 1, 1), *bar = f32(3, 4, 6, 1);
	CHECK(ggml_im2col(ctx, kernel, data, 1, 2, 1, 0, 1, 2, true, GGML_TYPE_F16));
	CHECK(ggml_im2col(ctx, bar, line, 2, 0, 1, 0, 1, 0, false, GGML_TYPE_F16));
	CHECK(ggml_im2col_3d(ctx, f32(3, 2, 2, 6), f32(9, 8, 7, 6), 3, 1, 2, 1, 0, 1, 0, 1, 1, 2, GGML_TYPE_F16));
	CHECK(ggml_conv_2d_direct(ctx, kernel, data, 2, 1, 1, 1, 1, 2));
	CHECK(ggml_conv_2d_dw_direct(ctx, one, data, 1, 2, 0, 1, 2, 1));
	CHECK(ggml_conv_transpose_1d(ctx, f32(3, 6, 4, 1), line, 2, 0, 1));
	CHECK(ggml_conv_transpose_2d_p0(ctx, tensor(GGML_TYPE_F16, 3, 2, 5, 4), data, 2));
	CHECK(ggml_pool_1d(ctx, line, GGML_OP_POOL_AVG, 2, 2, 0));
	CHECK(ggml_ssm_conv(ctx, f32(4 - 1 + 6, 8, 2, 1), f32(4, 8, 1, 1)));
	struct ggml_tensor *pool = ggml_pool_2d(ctx, data, GGML_OP_POOL_MAX, 3, 2, 2, 1, 0.5f, 1.0f);
	accept(pool, "ggml_pool_2d");
	pool->ne[2]++;
	assert_int_equal(judge(pool), GW_ERR_PROTOCOL);
}

/* A kernel would divide by zero, or the output would have no valid size. */
static void convolutions_without_a_stride(void **state)
{
	(void)state;
	struct ggml_tensor *im2col =
		ggml_im2col(ctx, f32(3, 2, 4, 5), f32(9, 8, 4, 2), 1, 1, 0, 0, 1, 1, true, GGML_TYPE_F32);
	static const int32_t bad[] = {0, -1, INT32_MIN, INT32_MAX};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		im2col->op_params[0] = bad[i];
		assert_int_equal(judge(im2col), GW_ERR_PROTOCOL);
	}
	im2col->op_params[0] = 1;
	accept(im2col, "ggml_im2col");
	im2col->op_params[6] = 2;
	assert_int_equal(judge(im2col), GW_ERR_PROTOCOL);
}

static void recurrent_operations(void **state)
{
	(void)state;
	struct ggml_tensor *k = f32(8, 2, 6, 1), *states = f32(8 * 8 * 2, 3, 1, 1);
	CHECK(ggml_rwkv_wkv6(ctx, k, k, k, f32(8, 2, 1, 1), k, states));
	struct ggml_tensor *k7 = f32(64, 2, 6, 1);
	CHECK(ggml_rwkv_wkv7(ctx, k7, k7, k7, k7, k7, k7, f32(64 * 64 * 2, 3, 1, 1)));
	struct ggml_tensor *n = ggml_gated_linear_attn(ctx, k, k, k, k, states, 1.0f);
	check(n, "ggml_gated_linear_attn");
	n->src[4] = f32(8 * 8, 3, 1, 1);
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	n->src[4] = f32(8 * 8 * 2, 4, 1, 1);
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
}

/* These operations also write to their sources. */
static void steps_of_an_optimizer(void **state)
{
	(void)state;
	struct ggml_tensor *a = f32(8, 4, 1, 1);
	a->flags |= GGML_TENSOR_FLAG_PARAM;
	struct ggml_tensor *n =
		ggml_opt_step_adamw(ctx, a, f32(8, 4, 1, 1), f32(8, 4, 1, 1), f32(8, 4, 1, 1), f32(7, 1, 1, 1));
	check(n, "ggml_opt_step_adamw");
	n->src[3] = f32(8, 3, 1, 1);
	assert_int_equal(judge(n), GW_ERR_PROTOCOL);
	CHECK(ggml_opt_step_sgd(ctx, a, f32(8, 4, 1, 1), f32(2, 1, 1, 1)));
}

/* The server cannot verify such hints, and devices that trust them write out of bounds if they are wrong. */
static void promises_are_taken_back(void **state)
{
	(void)state;
	struct ggml_tensor *n = ggml_flash_attn_ext(ctx, f32(64, 4, 8, 2), tensor(GGML_TYPE_F16, 64, 32, 2, 2),
		tensor(GGML_TYPE_F16, 64, 32, 2, 2), tensor(GGML_TYPE_F16, 32, 4, 1, 1), 0.125f, 0.0f, 0.0f);
	int32_t without[GGML_MAX_OP_PARAMS / sizeof(int32_t)];

	memcpy(without, n->op_params, sizeof(without));
	ggml_flash_attn_ext_set_n_kv_max(n, 3);
	assert_memory_not_equal(without, n->op_params, sizeof(without));
	gw_op_rules_drop_hints(n);
	assert_memory_equal(without, n->op_params, sizeof(without));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(elementwise_operations),
		TEST(reductions_and_orders),
		TEST(matrices),
		TEST(rows_and_places),
		TEST(states_behind_a_result_have_room),
		TEST(writes_at_an_offset_stay_inside),
		TEST(broadcast_of_nothing_is_refused),
		TEST(good_rope_passes),
		TEST(bad_rope_is_refused),
		TEST(convolutions),
		TEST(convolutions_without_a_stride),
		TEST(recurrent_operations),
		TEST(steps_of_an_optimizer),
		TEST(promises_are_taken_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
