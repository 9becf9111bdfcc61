/* Functions of one number, gates, and what fills or masks. */
#include "device/rules/op_rows.h"

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
