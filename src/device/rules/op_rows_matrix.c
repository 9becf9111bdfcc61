/* Matrices, norms of rows, attention, and what goes with it. */
#include "device/rules/op_rows.h"

#define MATRIX (FLOATS | QUANTIZED)

#define ROPE(name)                                                                                  \
	{                                                                                           \
		GGML_OP_##name, .result = {OUT(F32 | F16, ROWS), .like_src0 = true},                \
				.src = {{IN(F32 | F16, ROWS, IN_PLACE)}, {IN(I32, ROWS, NEVER)},    \
					{IN(F32, ROWS, NEVER), .optional = true}},                  \
				.fits = gw_fits_rope, .overread = GW_SRC(2), .reads = gw_rope_reads \
	}

#define NORM(name, lay)                                                                                            \
	{                                                                                                          \
		GGML_OP_##name, .result = {OUT(F32, lay)}, .src = {{IN(F32, lay, IN_PLACE)}}, .fits = gw_fits_norm \
	}

static const struct gw_op_rule rows[] = {
	NORM(NORM, ANY),
	NORM(RMS_NORM, ROWS),
	NORM(L2_NORM, ANY),
	{GGML_OP_GROUP_NORM, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, ROWS, IN_PLACE)}},
		.params = {PARAM(0, 1, INT32_MAX)}, .fits = gw_fits_group_norm},
	{GGML_OP_MUL_MAT, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(MATRIX, ROWS, NEVER)}, {IN(FLOATS, ROWS, NEVER)}}, .fits = gw_fits_mul_mat},
	{GGML_OP_MUL_MAT_ID, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(MATRIX, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}, {INDICES(I32, ANY, GW_SRC(0), 2)}},
		.fits = gw_fits_mul_mat_id},
	{GGML_OP_OUT_PROD, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32 | F16 | QUANTIZED, ROWS, NEVER)}, {IN(F32, ANY, NEVER)}}, .fits = gw_fits_out_prod},
	{GGML_OP_SOLVE_TRI, .result = {OUT(F32, CONTIGUOUS)}, .src = {{IN(F32, FLAT, NEVER)}, {IN(F32, FLAT, NEVER)}},
		.fits = gw_fits_solve_tri},
	{GGML_OP_SOFT_MAX, .result = {OUT(F32, FLAT)},
		.src = {{IN(F32, FLAT, IN_PLACE)}, {IN(F32 | F16, FLAT, IN_PLACE), .optional = true},
			{IN(F32, FLAT, NEVER), .optional = true}},
		.fits = gw_fits_soft_max},
	{GGML_OP_FLASH_ATTN_EXT, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, ROWS, NEVER)}, {IN(MATRIX, ROWS, NEVER)}, {IN(MATRIX, ROWS, NEVER)},
			{IN(F16, FLAT, NEVER), .optional = true}, {IN(F32, FLAT, NEVER), .optional = true}},
		.fits = gw_fits_flash_attn, .hints = 1u << 4}, /* how many positions of a row are not masked, at most */
	ROPE(ROPE),
	ROPE(ROPE_BACK),
	{GGML_OP_LIGHTNING_INDEXER, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, ROWS, NEVER)}, {IN(MATRIX, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)},
			{IN(F16, ROWS, NEVER)}},
		.fits = gw_fits_indexer},
	{GGML_OP_DSV4_HC_COMB, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, ANY, NEVER)}, {IN(F32, ANY, NEVER)}, {IN(F32, ANY, NEVER)}},
		.params = {PARAM(1, 1, 1 << 16)}, .fits = gw_fits_hc_comb},
	{GGML_OP_DSV4_HC_PRE, .result = {OUT(F32, CONTIGUOUS)}, .src = {{IN(F32, ANY, NEVER)}, {IN(F32, ANY, NEVER)}},
		.params = {FLAG(1)}, .fits = gw_fits_hc_pre},
	{GGML_OP_DSV4_HC_POST, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, ANY, NEVER)}, {IN(F32, ANY, NEVER)}, {IN(F32, ANY, NEVER)},
			{IN(F32, ANY, NEVER), .optional = true}},
		.fits = gw_fits_hc_post},
};

const struct gw_op_rows gw_op_rows_matrix = GW_OP_ROWS(rows);
