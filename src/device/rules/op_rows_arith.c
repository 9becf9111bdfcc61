/* Arithmetic element by element, and what sums rows up. */
#include "device/rules/op_rows.h"

#define BINARY(name)                                                                                \
	{                                                                                           \
		GGML_OP_##name, .result = {OUT(FLOATS, ROWS)},                                      \
				.src = {{IN(FLOATS, ROWS, IN_PLACE)}, {IN(FLOATS, ANY, IN_PLACE)}}, \
				.fits = gw_fits_binary                                              \
	}

static const struct gw_op_rule rows[] = {
	BINARY(SUB),
	BINARY(MUL),
	BINARY(DIV),
	{GGML_OP_ADD, .result = {OUT(FLOATS | QUANTIZABLE, ROWS)},
		.src = {{IN(FLOATS | QUANTIZED, ROWS, IN_PLACE)}, {IN(FLOATS, ANY, IN_PLACE)}}, .fits = gw_fits_add},
	{GGML_OP_ADD_ID, .result = {OUT(F32, ROWS)},
		.src = {{IN(F32, ROWS, IN_PLACE)}, {IN(F32, ROWS, NEVER)}, {INDICES(I32, ANY, GW_SRC(1), 1)}},
		.fits = gw_fits_add_id},
	{GGML_OP_ADD1, .result = {OUT(FLOATS | QUANTIZABLE, CONTIGUOUS), .like_src0 = true},
		.src = {{IN(FLOATS | QUANTIZABLE, ROWS, IN_PLACE)}, {IN(FLOATS, ROWS, IN_PLACE)}},
		.fits = gw_fits_add1},
	{GGML_OP_ACC, .result = {OUT(F32, FLAT)}, .src = {{IN(F32, FLAT, IN_PLACE)}, {IN(F32, ROWS, NEVER)}},
		.params = {PARAM(3, 0, INT32_MAX)}, .fits = gw_fits_part},
	{GGML_OP_SET, .result = {OUT(F32 | I32, FLAT), .like_src0 = true},
		.src = {{IN(F32 | I32, FLAT, IN_PLACE)}, {IN(F32 | I32, ROWS, NEVER), .like_src0 = true}},
		.params = {PARAM(3, 0, INT32_MAX)}, .fits = gw_fits_part},
	{GGML_OP_SUM, .result = {OUT(FLOATS, ROWS), .like_src0 = true},
		.src = {{IN(FLOATS, ANY, NEVER), .maybe_empty = true}}, .fits = gw_fits_sum},
	{GGML_OP_SUM_ROWS, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, ROWS, IN_PLACE)}}, .fits = gw_fits_row_results},
	{GGML_OP_MEAN, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, ROWS, IN_PLACE)}}, .fits = gw_fits_row_results},
	{GGML_OP_CUMSUM, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, ROWS, IN_PLACE)}}, .fits = gw_fits_src0},
	{GGML_OP_ARGMAX, .result = {OUT(I32, ROWS)}, .src = {{IN(F32, ROWS, NEVER)}}, .fits = gw_fits_argmax},
	{GGML_OP_COUNT_EQUAL, .result = {OUT(I64, ROWS)}, .src = {{IN(I32, ANY, NEVER)}, {IN(I32, ANY, NEVER)}},
		.fits = gw_fits_count_equal},
};

const struct gw_op_rows gw_op_rows_arith = GW_OP_ROWS(rows);
