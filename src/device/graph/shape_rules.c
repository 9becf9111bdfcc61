/* Read from the conditions of the constructors declared in ggml.h, and for RoPE from docs/rope.md, "What travels". */
#include "device/graph/shape_rules.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "device/graph/conv_rules.h"
#include "device/graph/rope_rules.h"

typedef bool (*rule)(const struct ggml_tensor *n);

static bool same_shape(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return memcmp(a->ne, b->ne, sizeof(a->ne)) == 0;
}

static bool has_shape(const struct ggml_tensor *t, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	return t->ne[0] == ne0 && t->ne[1] == ne1 && t->ne[2] == ne2 && t->ne[3] == ne3;
}

/* Whether b is a multiple of a, in the dimensions from first on. */
static bool divides(const struct ggml_tensor *a, const struct ggml_tensor *b, int first)
{
	for (int i = first; i < GGML_MAX_DIMS; i++)
		if (a->ne[i] <= 0 || b->ne[i] % a->ne[i] != 0)
			return false;
	return true;
}

static bool like_src0(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]);
}

static bool like_both(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && same_shape(n, n->src[1]);
}

static bool broadcast(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && divides(n->src[1], n, 0);
}

static bool add_scalar(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && has_shape(n->src[1], 1, 1, 1, 1);
}

static bool as_many(const struct ggml_tensor *n)
{
	return ggml_nelements(n) == ggml_nelements(n->src[0]);
}

static bool repeat(const struct ggml_tensor *n)
{
	return divides(n->src[0], n, 0);
}

static bool repeat_back(const struct ggml_tensor *n)
{
	return divides(n, n->src[0], 0);
}

static bool scalar(const struct ggml_tensor *n)
{
	return has_shape(n, 1, 1, 1, 1);
}

static bool one_a_row(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;
	return has_shape(n, 1, a[1], a[2], a[3]);
}

static bool argmax(const struct ggml_tensor *n)
{
	return has_shape(n, n->src[0]->ne[1], 1, 1, 1) && n->type == GGML_TYPE_I32;
}

static bool count_equal(const struct ggml_tensor *n)
{
	return scalar(n) && same_shape(n->src[0], n->src[1]) && n->type == GGML_TYPE_I64;
}

static bool argsort(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && n->type == GGML_TYPE_I32;
}

static bool top_k(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;
	return n->ne[0] <= a[0] && has_shape(n, n->ne[0], a[1], a[2], a[3]) && n->type == GGML_TYPE_I32;
}

static bool mul_mat(const struct ggml_tensor *n)
{
	const int64_t *b = n->src[1]->ne;
	return n->src[0]->ne[0] == b[0] && divides(n->src[0], n->src[1], 2) &&
	       has_shape(n, n->src[0]->ne[1], b[1], b[2], b[3]);
}

static bool mul_mat_id(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *b = n->src[1]->ne, *ids = n->src[2]->ne;
	return n->src[2]->type == GGML_TYPE_I32 && a[0] == b[0] && a[3] == 1 && b[3] == 1 && ids[1] == b[2] &&
	       ids[2] == 1 && ids[3] == 1 && b[1] > 0 && ids[0] % b[1] == 0 && has_shape(n, a[1], ids[0], b[2], 1);
}

static bool out_prod(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *b = n->src[1]->ne;
	return a[1] == b[1] && divides(n->src[0], n->src[1], 2) && has_shape(n, a[0], b[0], b[2], b[3]);
}

static bool add_id(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *ids = n->src[2]->ne;
	return same_shape(n, n->src[0]) && n->src[2]->type == GGML_TYPE_I32 && n->src[1]->ne[0] == a[0] &&
	       ids[0] == a[1] && ids[1] == a[2];
}

static bool get_rows(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne, *rows = n->src[1]->ne;
	return n->src[1]->type == GGML_TYPE_I32 && a[2] == rows[1] && a[3] == rows[2] && rows[3] == 1 &&
	       has_shape(n, a[0], rows[0], rows[1], rows[2]);
}

static bool set_rows(const struct ggml_tensor *n)
{
	const struct ggml_tensor *from = n->src[0], *rows = n->src[1];
	return (rows->type == GGML_TYPE_I64 || rows->type == GGML_TYPE_I32) && n->ne[0] == from->ne[0] &&
	       n->ne[2] == from->ne[2] && n->ne[3] == from->ne[3] && from->ne[1] == rows->ne[0] && rows->ne[3] == 1 &&
	       rows->ne[1] > 0 && from->ne[2] % rows->ne[1] == 0 && rows->ne[2] > 0 && from->ne[3] % rows->ne[2] == 0;
}

static bool concat(const struct ggml_tensor *n)
{
	int32_t dim = n->op_params[0];
	if (dim < 0 || dim >= GGML_MAX_DIMS)
		return false;
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		int64_t a = n->src[0]->ne[i], b = n->src[1]->ne[i];
		if (i == dim ? n->ne[i] != a + b : n->ne[i] != a || a != b)
			return false;
	}
	return true;
}

static bool is_mask(const struct ggml_tensor *mask, int64_t columns, int64_t rows, int64_t ne2, int64_t ne3)
{
	return (mask->type == GGML_TYPE_F16 || mask->type == GGML_TYPE_F32) && mask->ne[0] >= columns &&
	       mask->ne[1] >= rows && mask->ne[2] > 0 && ne2 % mask->ne[2] == 0 && mask->ne[3] > 0 &&
	       ne3 % mask->ne[3] == 0;
}

static bool are_sinks(const struct ggml_tensor *sinks, int64_t heads)
{
	return sinks->type == GGML_TYPE_F32 && sinks->ne[0] >= heads;
}

static bool soft_max(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && (!n->src[1] || is_mask(n->src[1], n->ne[0], n->ne[1], n->ne[2], n->ne[3])) &&
	       (!n->src[2] || are_sinks(n->src[2], n->ne[2]));
}

static bool flash_attn(const struct ggml_tensor *n)
{
	const struct ggml_tensor *q = n->src[0], *k = n->src[1], *v = n->src[2];
	return k->ne[0] == q->ne[0] && divides(k, q, 2) && k->ne[1] == v->ne[1] && divides(v, q, 2) &&
	       has_shape(n, v->ne[0], q->ne[2], q->ne[1], q->ne[3]) &&
	       (!n->src[3] || is_mask(n->src[3], k->ne[1], q->ne[1], q->ne[2], q->ne[3])) &&
	       (!n->src[4] || are_sinks(n->src[4], q->ne[2]));
}

static bool glu(const struct ggml_tensor *n)
{
	const int64_t *a = n->src[0]->ne;
	return (!n->src[1] || same_shape(n->src[1], n->src[0])) &&
	       has_shape(n, n->src[1] ? a[0] : a[0] / 2, a[1], a[2], a[3]);
}

/* The second source goes to a place in the result that the parameters name: strides, then an offset, in bytes. */
static bool at_place(const struct ggml_tensor *n)
{
	const struct ggml_tensor *part = n->src[1];
	uint64_t end = (uint32_t)n->op_params[3] + (uint64_t)part->ne[0] * ggml_type_size(n->type);
	for (int i = 1; i < GGML_MAX_DIMS; i++) {
		uint64_t far;
		if (part->ne[i] < 1 || !gw_mul_u64((uint64_t)part->ne[i] - 1, (uint32_t)n->op_params[i - 1], &far) ||
			!gw_add_u64(end, far, &end))
			return false;
	}
	return same_shape(n, n->src[0]) && end <= ggml_nbytes(n);
}

static bool pad(const struct ggml_tensor *n)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		int64_t before = n->op_params[2 * i], after = n->op_params[2 * i + 1];
		if (before < 0 || after < 0 || n->ne[i] != n->src[0]->ne[i] + before + after)
			return false;
	}
	return true;
}

static bool roll(const struct ggml_tensor *n)
{
	for (int i = 0; i < GGML_MAX_DIMS; i++)
		if (n->op_params[i] <= -n->ne[i] || n->op_params[i] >= n->ne[i])
			return false;
	return same_shape(n, n->src[0]);
}

static bool group_norm(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && n->op_params[0] > 0;
}

static bool diag_mask(const struct ggml_tensor *n)
{
	return same_shape(n, n->src[0]) && n->op_params[0] >= 0;
}

static bool timestep(const struct ggml_tensor *n)
{
	return n->op_params[0] > 0 && n->op_params[0] <= n->ne[0] && n->ne[1] == n->src[0]->ne[0];
}

/* Whether have == apart + copies * size: states lie behind a result, as many as the operation's first parameter tells.
 */
static bool has_room_for(int64_t have, int64_t apart, int64_t copies, int64_t size)
{
	uint64_t sum;

	return copies >= 1 && gw_mul_u64((uint64_t)copies, (uint64_t)size, &sum) &&
	       gw_add_u64(sum, (uint64_t)apart, &sum) && (uint64_t)have == sum;
}

static bool gated_delta_net(const struct ggml_tensor *n)
{
	const int64_t *v = n->src[2]->ne;
	return n->ne[0] == v[0] * v[1] && has_room_for(n->ne[1], v[2] * v[3], n->op_params[0], v[0] * v[3]);
}

static bool ssm_scan(const struct ggml_tensor *n)
{
	const int64_t *state = n->src[0]->ne;
	return has_room_for(n->ne[0], ggml_nelements(n->src[1]), n->op_params[0],
		state[0] * state[1] * state[2] * n->src[6]->ne[0]);
}

/* Sources up to the state are alike, but for one of a row for each head; the states lie behind the result. */
static bool recurrent(const struct ggml_tensor *n, int state, int of_heads)
{
	const int64_t *k = n->src[0]->ne;
	int64_t sequences = n->src[state]->ne[1];
	uint64_t wide, size;

	for (int i = 1; i < state; i++)
		if (i != of_heads && !same_shape(n->src[i], n->src[0]))
			return false;
	if (k[3] != 1 || sequences < 1 || k[2] % sequences != 0 || !gw_mul_u64((uint64_t)k[0], (uint64_t)k[1], &wide) ||
		!gw_mul_u64(wide, (uint64_t)k[0], &size) || !gw_mul_u64(size, (uint64_t)sequences, &size) ||
		(uint64_t)ggml_nelements(n->src[state]) != size)
		return false;
	return (uint64_t)n->ne[0] == wide && has_room_for(n->ne[1], k[2], sequences, k[0]) && n->ne[2] == 1 &&
	       n->ne[3] == 1;
}

static bool wkv6(const struct ggml_tensor *n)
{
	const int64_t *k = n->src[0]->ne, *first = n->src[3]->ne;
	return first[0] == k[0] && first[1] == k[1] && first[2] == 1 && first[3] == 1 && recurrent(n, 5, 3);
}

static bool wkv7(const struct ggml_tensor *n)
{
	return recurrent(n, 6, 0);
}

static bool gated_linear_attn(const struct ggml_tensor *n)
{
	return recurrent(n, 4, 0);
}

static bool adamw(const struct ggml_tensor *n)
{
	return like_both(n) && same_shape(n, n->src[2]) && same_shape(n, n->src[3]) && has_shape(n->src[4], 7, 1, 1, 1);
}

static bool sgd(const struct ggml_tensor *n)
{
	return like_both(n) && has_shape(n->src[2], 2, 1, 1, 1);
}

static const rule rules[GGML_OP_COUNT] = {
	[GGML_OP_DUP] = as_many,
	[GGML_OP_CPY] = as_many,
	[GGML_OP_CONT] = as_many,
	[GGML_OP_ADD] = broadcast,
	[GGML_OP_SUB] = broadcast,
	[GGML_OP_MUL] = broadcast,
	[GGML_OP_DIV] = broadcast,
	[GGML_OP_ADD1] = add_scalar,
	[GGML_OP_ADD_ID] = add_id,
	[GGML_OP_ACC] = at_place,
	[GGML_OP_SET] = at_place,
	[GGML_OP_SQR] = like_src0,
	[GGML_OP_SQRT] = like_src0,
	[GGML_OP_LOG] = like_src0,
	[GGML_OP_SIN] = like_src0,
	[GGML_OP_COS] = like_src0,
	[GGML_OP_SUM] = scalar,
	[GGML_OP_SUM_ROWS] = one_a_row,
	[GGML_OP_MEAN] = one_a_row,
	[GGML_OP_CUMSUM] = like_src0,
	[GGML_OP_ARGMAX] = argmax,
	[GGML_OP_COUNT_EQUAL] = count_equal,
	[GGML_OP_REPEAT] = repeat,
	[GGML_OP_REPEAT_BACK] = repeat_back,
	[GGML_OP_CONCAT] = concat,
	[GGML_OP_SILU_BACK] = like_both,
	[GGML_OP_NORM] = like_src0,
	[GGML_OP_RMS_NORM] = like_src0,
	[GGML_OP_RMS_NORM_BACK] = like_both,
	[GGML_OP_L2_NORM] = like_src0,
	[GGML_OP_GROUP_NORM] = group_norm,
	[GGML_OP_MUL_MAT] = mul_mat,
	[GGML_OP_MUL_MAT_ID] = mul_mat_id,
	[GGML_OP_OUT_PROD] = out_prod,
	[GGML_OP_SCALE] = like_src0,
	[GGML_OP_GET_ROWS] = get_rows,
	[GGML_OP_SET_ROWS] = set_rows,
	[GGML_OP_DIAG_MASK_INF] = diag_mask,
	[GGML_OP_DIAG_MASK_ZERO] = diag_mask,
	[GGML_OP_SOFT_MAX] = soft_max,
	[GGML_OP_SOFT_MAX_BACK] = like_both,
	[GGML_OP_CLAMP] = like_src0,
	[GGML_OP_PAD] = pad,
	[GGML_OP_ROLL] = roll,
	[GGML_OP_TIMESTEP_EMBEDDING] = timestep,
	[GGML_OP_ARGSORT] = argsort,
	[GGML_OP_TOP_K] = top_k,
	[GGML_OP_LEAKY_RELU] = like_src0,
	[GGML_OP_TRI] = like_src0,
	[GGML_OP_FILL] = like_src0,
	[GGML_OP_FLASH_ATTN_EXT] = flash_attn,
	[GGML_OP_SSM_SCAN] = ssm_scan,
	[GGML_OP_GATED_DELTA_NET] = gated_delta_net,
	[GGML_OP_IM2COL] = gw_im2col_ok,
	[GGML_OP_IM2COL_3D] = gw_im2col_3d_ok,
	[GGML_OP_CONV_2D] = gw_conv_2d_ok,
	[GGML_OP_CONV_2D_DW] = gw_conv_2d_dw_ok,
	[GGML_OP_CONV_TRANSPOSE_1D] = gw_conv_transpose_1d_ok,
	[GGML_OP_CONV_TRANSPOSE_2D] = gw_conv_transpose_2d_ok,
	[GGML_OP_POOL_1D] = gw_pool_1d_ok,
	[GGML_OP_POOL_2D] = gw_pool_2d_ok,
	[GGML_OP_SSM_CONV] = gw_ssm_conv_ok,
	[GGML_OP_RWKV_WKV6] = wkv6,
	[GGML_OP_RWKV_WKV7] = wkv7,
	[GGML_OP_GATED_LINEAR_ATTN] = gated_linear_attn,
	[GGML_OP_OPT_STEP_ADAMW] = adamw,
	[GGML_OP_OPT_STEP_SGD] = sgd,
	[GGML_OP_UNARY] = like_src0,
	[GGML_OP_GLU] = glu,
};

enum gw_status gw_shape_rules_check(enum ggml_op op, const struct ggml_tensor *node, struct gw_error *err)
{
	if (op == GGML_OP_ROPE || op == GGML_OP_ROPE_BACK)
		return gw_rope_rules_check(node, err);
	if ((unsigned)op < GGML_OP_COUNT && rules[op] && !rules[op](node))
		return gw_error_set(err, GW_ERR_PROTOCOL, "its shapes, types and parameters do not belong together");
	return GW_OK;
}
