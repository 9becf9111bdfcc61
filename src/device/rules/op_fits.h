/* What the rows of op_rows_*.c cannot say as data: how extents, types and parameters of a node belong together. Each
 * function is called once the row's operands, layouts and parameters are as the row wants them, for a node with
 * elements, and says yes or no. Read from ggml's constructors and from the kernels of ggml-cpu. Private to the rules.
 */
#ifndef GW_DEVICE_RULES_OP_FITS_H
#define GW_DEVICE_RULES_OP_FITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <ggml.h>

static inline bool gw_same_shape(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return memcmp(a->ne, b->ne, sizeof(a->ne)) == 0;
}

static inline bool gw_has_shape(const struct ggml_tensor *t, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3)
{
	return t->ne[0] == ne0 && t->ne[1] == ne1 && t->ne[2] == ne2 && t->ne[3] == ne3;
}

/* Whether every extent of b, from dimension first on, is a multiple of a's. */
static inline bool gw_divides(const struct ggml_tensor *a, const struct ggml_tensor *b, int first)
{
	for (int i = first; i < GGML_MAX_DIMS; i++)
		if (a->ne[i] <= 0 || b->ne[i] % a->ne[i] != 0)
			return false;
	return true;
}

/* A parameter that is a float. */
static inline float gw_float_param(const struct ggml_tensor *n, int word)
{
	float value;

	memcpy(&value, &n->op_params[word], sizeof(value));
	return value;
}

/* Element by element, and reductions: op_fits_elements.c. */
bool gw_fits_src0(const struct ggml_tensor *n); /* the result's extents are those of source 0 */
bool gw_fits_all(const struct ggml_tensor *n);  /* and of all other sources */
bool gw_fits_add(const struct ggml_tensor *n);  /* also to blocks */
bool gw_fits_binary(const struct ggml_tensor *n);
bool gw_fits_add_id(const struct ggml_tensor *n);
bool gw_fits_add1(const struct ggml_tensor *n);
bool gw_fits_part(const struct ggml_tensor *n); /* ACC, SET */
bool gw_fits_sum(const struct ggml_tensor *n);
bool gw_fits_unary(const struct ggml_tensor *n);
bool gw_fits_row_results(const struct ggml_tensor *n);
bool gw_fits_argmax(const struct ggml_tensor *n);
bool gw_fits_count_equal(const struct ggml_tensor *n);
bool gw_fits_glu(const struct ggml_tensor *n);

/* Moving: op_fits_move.c. */
bool gw_fits_cpy(const struct ggml_tensor *n);
bool gw_fits_dup(const struct ggml_tensor *n);
bool gw_fits_repeat(const struct ggml_tensor *n);
bool gw_fits_concat(const struct ggml_tensor *n);
bool gw_fits_get_rows(const struct ggml_tensor *n);
bool gw_fits_set_rows(const struct ggml_tensor *n);
bool gw_fits_diag(const struct ggml_tensor *n);
bool gw_fits_pad(const struct ggml_tensor *n);
bool gw_fits_pad_reflect(const struct ggml_tensor *n);
bool gw_fits_roll(const struct ggml_tensor *n);
bool gw_fits_arange(const struct ggml_tensor *n);
bool gw_fits_upscale(const struct ggml_tensor *n);
bool gw_fits_timestep(const struct ggml_tensor *n);
bool gw_fits_top_k(const struct ggml_tensor *n);
bool gw_fits_win_part(const struct ggml_tensor *n);
bool gw_fits_win_unpart(const struct ggml_tensor *n);
bool gw_fits_get_rel_pos(const struct ggml_tensor *n);
bool gw_fits_add_rel_pos(const struct ggml_tensor *n);

/* Matrices and attention: op_fits_matrix.c; RoPE: op_fits_rope.c. */
bool gw_fits_mul_mat(const struct ggml_tensor *n);
bool gw_fits_mul_mat_id(const struct ggml_tensor *n);
bool gw_fits_out_prod(const struct ggml_tensor *n);
bool gw_fits_soft_max(const struct ggml_tensor *n);
bool gw_fits_flash_attn(const struct ggml_tensor *n);
bool gw_fits_solve_tri(const struct ggml_tensor *n);
bool gw_fits_norm(const struct ggml_tensor *n); /* NORM, RMS_NORM, L2_NORM */
bool gw_fits_group_norm(const struct ggml_tensor *n);
bool gw_fits_indexer(const struct ggml_tensor *n);
bool gw_fits_hc_comb(const struct ggml_tensor *n);
bool gw_fits_hc_pre(const struct ggml_tensor *n);
bool gw_fits_hc_post(const struct ggml_tensor *n);
bool gw_fits_rope(const struct ggml_tensor *n);
size_t gw_rope_reads(const struct ggml_tensor *n); /* bytes of the factors */

/* Convolutions and pools: op_fits_conv.c. */
bool gw_fits_im2col(const struct ggml_tensor *n);
bool gw_fits_im2col_back(const struct ggml_tensor *n);
bool gw_fits_im2col_3d(const struct ggml_tensor *n);
bool gw_fits_col2im_1d(const struct ggml_tensor *n);
bool gw_fits_conv_2d(const struct ggml_tensor *n);
bool gw_fits_conv_2d_dw(const struct ggml_tensor *n);
bool gw_fits_conv_3d(const struct ggml_tensor *n);
bool gw_fits_conv_transpose_1d(const struct ggml_tensor *n);
bool gw_fits_conv_transpose_2d(const struct ggml_tensor *n);
bool gw_fits_pool_1d(const struct ggml_tensor *n);
bool gw_fits_pool_2d(const struct ggml_tensor *n);
bool gw_fits_pool_2d_back(const struct ggml_tensor *n);

/* Recurrent states: op_fits_state.c. */
bool gw_fits_ssm_conv(const struct ggml_tensor *n);
bool gw_fits_ssm_scan(const struct ggml_tensor *n);
bool gw_fits_wkv6(const struct ggml_tensor *n);
bool gw_fits_wkv7(const struct ggml_tensor *n);
bool gw_fits_gated_linear_attn(const struct ggml_tensor *n);
bool gw_fits_gated_delta_net(const struct ggml_tensor *n);

/* Training: op_fits_train.c. */
bool gw_fits_repeat_back(const struct ggml_tensor *n);
bool gw_fits_get_rows_back(const struct ggml_tensor *n);
bool gw_fits_soft_max_back(const struct ggml_tensor *n);
bool gw_fits_cross_entropy(const struct ggml_tensor *n);
bool gw_fits_cross_entropy_back(const struct ggml_tensor *n);
bool gw_fits_adamw(const struct ggml_tensor *n);
bool gw_fits_sgd(const struct ggml_tensor *n);

#endif
