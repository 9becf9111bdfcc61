/* Functions of one number, gates, and what fills or masks. */
#include "device/rules/op_rows.h"

const struct gw_op_variant gw_unary_variants[GGML_UNARY_OP_COUNT] = {
	[GGML_UNARY_OP_ABS] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SGN] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_NEG] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_STEP] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_TANH] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_ELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_RELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SIGMOID] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU_QUICK] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SILU] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_HARDSWISH] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_HARDSIGMOID] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_EXP] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_EXPM1] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_SOFTPLUS] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_GELU_ERF] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_XIELU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_UNARY_OP_FLOOR] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_CEIL] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_ROUND] = {FLOATS, GW_LAYOUT_ROWS},
	[GGML_UNARY_OP_TRUNC] = {FLOATS, GW_LAYOUT_ROWS},
};

const struct gw_op_variant gw_glu_variants[GGML_GLU_OP_COUNT] = {
	[GGML_GLU_OP_REGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU_OAI] = {F32 | F16, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU_ERF] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_GEGLU_QUICK] = {FLOATS, GW_LAYOUT_EVEN},
	[GGML_GLU_OP_SWIGLU_CLAMP] = {F32 | F16, GW_LAYOUT_EVEN},
};

#define FUNCTION(name)                                                                      \
	{                                                                                   \
		GGML_OP_##name, .result = {OUT(FLOATS, ROWS), .like_src0 = true},           \
				.src = {{IN(FLOATS, ROWS, IN_PLACE)}}, .fits = gw_fits_src0 \
	}

static const struct gw_op_rule rows[] = {
	FUNCTION(SQR),
	FUNCTION(SQRT),
	FUNCTION(LOG),
	FUNCTION(SIN),
	FUNCTION(COS),
	{GGML_OP_UNARY, .result = {OUT(FLOATS, ROWS), .like_src0 = true}, .src = {{IN(FLOATS, ROWS, IN_PLACE)}},
		.params = {CHOICE(0, GGML_UNARY_OP_COUNT)}, .fits = gw_fits_unary},
	{GGML_OP_GLU, .result = {OUT(FLOATS, EVEN), .like_src0 = true},
		.src = {{IN(FLOATS, EVEN, IN_PLACE)},
			{IN(FLOATS, EVEN, IN_PLACE), .optional = true, .like_src0 = true}},
		.params = {CHOICE(0, GGML_GLU_OP_COUNT)}, .fits = gw_fits_glu},
	{GGML_OP_LEAKY_RELU, .result = {OUT(F32 | F16, EVEN), .like_src0 = true},
		.src = {{IN(F32 | F16, EVEN, IN_PLACE)}}, .fits = gw_fits_src0},
	{GGML_OP_CLAMP, .result = {OUT(F32 | F16, ROWS), .like_src0 = true}, .src = {{IN(F32 | F16, ROWS, IN_PLACE)}},
		.fits = gw_fits_src0},
	{GGML_OP_SCALE, .result = {OUT(F32 | BF16, CONTIGUOUS), .like_src0 = true},
		.src = {{IN(F32 | BF16, CONTIGUOUS, IN_PLACE)}}, .fits = gw_fits_src0},
	{GGML_OP_FILL, .result = {OUT(F32 | F16, ROWS), .like_src0 = true}, .src = {{IN(F32 | F16, ANY, IN_PLACE)}},
		.fits = gw_fits_src0},
	{GGML_OP_TRI, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, FLAT, IN_PLACE)}},
		.params = {CHOICE(0, GGML_TRI_TYPE_LOWER + 1)}, .fits = gw_fits_src0},
	{GGML_OP_DIAG_MASK_INF, .result = {OUT(F32, CONTIGUOUS)}, .src = {{IN(F32, CONTIGUOUS, IN_PLACE)}},
		.params = {PARAM(0, 0, INT32_MAX)}, .fits = gw_fits_src0},
	{GGML_OP_DIAG_MASK_ZERO, .result = {OUT(F32, CONTIGUOUS)}, .src = {{IN(F32, CONTIGUOUS, IN_PLACE)}},
		.params = {PARAM(0, 0, INT32_MAX)}, .fits = gw_fits_src0},
};

const struct gw_op_rows gw_op_rows_unary = GW_OP_ROWS(rows);
