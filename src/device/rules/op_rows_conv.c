/* Convolutions, and what is built from windows over data. */
#include "device/rules/op_rows.h"

/* Words 0 to 5 of two dimensions, and 0 to 8 of three: strides, paddings, dilations. */
#define STEPS_2D STEP(0), STEP(1), PADDING(2), PADDING(3), STEP(4), STEP(5)
#define STEPS_1D_2D STEP(0), PADDING(1), PADDING(2), PADDING(3), STEP(4), PADDING(5) /* 1 and 5 are 0 in one */
#define STEPS_3D STEP(0), STEP(1), STEP(2), PADDING(3), PADDING(4), PADDING(5), STEP(6), STEP(7), STEP(8)

static const struct gw_op_rule rows[] = {
	{GGML_OP_IM2COL, .result = {OUT(F32 | F16, FLAT)},
		.src = {{IN(FLOATS, ANY, NEVER)}, {IN(F32 | F16, ROWS, NEVER)}}, .params = {STEPS_1D_2D, FLAG(6)},
		.fits = gw_fits_im2col},
	{GGML_OP_IM2COL_BACK, .result = {OUT(F32, FLAT)}, .src = {{IN(F32, FLAT, NEVER)}, {IN(F32, ANY, NEVER)}},
		.params = {STEPS_1D_2D, FLAG(6)}, .fits = gw_fits_im2col_back},
	{GGML_OP_IM2COL_3D, .result = {OUT(F32 | F16, FLAT)}, .src = {{IN(FLOATS, ANY, NEVER)}, {IN(F32, ROWS, NEVER)}},
		.params = {STEPS_3D, STEP(9)}, .fits = gw_fits_im2col_3d},
	{GGML_OP_COL2IM_1D, .result = {OUT(FLOATS, FLAT), .like_src0 = true}, .src = {{IN(FLOATS, FLAT, NEVER)}},
		.params = {STEP(0), STEP(1), PADDING(2)}, .fits = gw_fits_col2im_1d},
	{GGML_OP_CONV_2D, .result = {OUT(F32, ANY)}, .src = {{IN(F32 | F16, ANY, NEVER)}, {IN(F32, ANY, NEVER)}},
		.params = {STEPS_2D}, .fits = gw_fits_conv_2d},
	{GGML_OP_CONV_2D_DW, .result = {OUT(F32, ANY)}, .src = {{IN(F32 | F16, ANY, NEVER)}, {IN(F32, ANY, NEVER)}},
		.params = {STEPS_2D}, .fits = gw_fits_conv_2d_dw},
	{GGML_OP_CONV_3D, .result = {OUT(F32, ANY)},
		.src = {{IN(F32 | F16, FLAT, NEVER), .maybe_empty = true}, {IN(F32, ANY, NEVER)}},
		.params = {STEPS_3D, STEP(9), STEP(10), STEP(11)}, .fits = gw_fits_conv_3d},
	{GGML_OP_CONV_TRANSPOSE_1D, .result = {OUT(F32, FLAT)},
		.src = {{IN(F32 | F16, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}},
		.params = {STEP(0), PARAM(1, 0, 0), PARAM(2, 1, 1)}, .fits = gw_fits_conv_transpose_1d},
	{GGML_OP_CONV_TRANSPOSE_2D, .result = {OUT(F32, FLAT)},
		.src = {{IN(F32 | F16, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}}, .params = {STEP(0)},
		.fits = gw_fits_conv_transpose_2d},
	{GGML_OP_POOL_1D, .result = {OUT(F32, EVEN)}, .src = {{IN(F32 | F16, EVEN, NEVER)}},
		.params = {CHOICE(0, GGML_OP_POOL_COUNT), STEP(1), STEP(2), PADDING(3)}, .fits = gw_fits_pool_1d},
	{GGML_OP_POOL_2D, .result = {OUT(F32, FLAT)}, .src = {{IN(F32 | F16, FLAT, NEVER)}},
		.params = {CHOICE(0, GGML_OP_POOL_COUNT), STEP(1), STEP(2), STEP(3), STEP(4), PADDING(5), PADDING(6)},
		.fits = gw_fits_pool_2d},
	{GGML_OP_POOL_2D_BACK, .result = {OUT(F32 | F16, FLAT)},
		.src = {{IN(F32, FLAT, NEVER)}, {IN(F32 | F16, FLAT, NEVER)}},
		.params = {CHOICE(0, GGML_OP_POOL_COUNT), STEP(1), STEP(2), STEP(3), STEP(4), PADDING(5), PADDING(6)},
		.fits = gw_fits_pool_2d_back},
};

const struct gw_op_rows gw_op_rows_conv = GW_OP_ROWS(rows);
