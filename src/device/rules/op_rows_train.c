/* Gradients, losses, and the steps of an optimizer, which write to their sources. */
#include "device/rules/op_rows.h"

static const struct gw_op_rule rows[] = {
	{GGML_OP_SILU_BACK, .result = {OUT(F32 | F16, EVEN), .like_src0 = true},
		.src = {{IN(F32 | F16, EVEN, IN_PLACE)}, {IN(F32 | F16, EVEN, IN_PLACE), .like_src0 = true}},
		.fits = gw_fits_all},
	{GGML_OP_RMS_NORM_BACK, .result = {OUT(F32, ROWS)},
		.src = {{IN(F32, ROWS, IN_PLACE)}, {IN(F32, ROWS, IN_PLACE)}}, .fits = gw_fits_all},
	{GGML_OP_SOFT_MAX_BACK, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, CONTIGUOUS, IN_PLACE)}, {IN(F32, CONTIGUOUS, IN_PLACE)}},
		.fits = gw_fits_soft_max_back},
	{GGML_OP_REPEAT_BACK, .result = {OUT(F32, ROWS)}, .src = {{IN(F32, ROWS, NEVER)}}, .fits = gw_fits_repeat_back},
	{GGML_OP_GET_ROWS_BACK, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32 | F16, EVEN, NEVER)}, {INDICES(I32, ROWS, GW_RESULT, 1)}},
		.fits = gw_fits_get_rows_back},
	{GGML_OP_CROSS_ENTROPY_LOSS, .result = {OUT(F32, ROWS)},
		.src = {{IN(F32, CONTIGUOUS, NEVER)}, {IN(F32, CONTIGUOUS, NEVER)}}, .fits = gw_fits_cross_entropy},
	{GGML_OP_CROSS_ENTROPY_LOSS_BACK, .result = {OUT(F32, CONTIGUOUS)},
		.src = {{IN(F32, ROWS, NEVER)}, {IN(F32, CONTIGUOUS, NEVER)}, {IN(F32, CONTIGUOUS, NEVER)}},
		.fits = gw_fits_cross_entropy_back},
	{GGML_OP_OPT_STEP_ADAMW, .result = {OUT(F32, ROWS)},
		.src = {{IN(F32, ROWS, IN_PLACE), .written = true}, {IN(F32, ROWS, NEVER)},
			{IN(F32, ROWS, NEVER), .written = true}, {IN(F32, ROWS, NEVER), .written = true},
			{IN(F32, ROWS, NEVER)}},
		.fits = gw_fits_adamw},
	{GGML_OP_OPT_STEP_SGD, .result = {OUT(F32, ROWS)},
		.src = {{IN(F32, ROWS, IN_PLACE), .written = true}, {IN(F32, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}},
		.fits = gw_fits_sgd},
};

const struct gw_op_rows gw_op_rows_train = GW_OP_ROWS(rows);
