/* Recurrent layers: what goes on from token to token in a state. */
#include "device/rules/op_rows.h"

#define FLAT_F32 IN(F32, FLAT, NEVER)

static const struct gw_op_rule rows[] = {
	{GGML_OP_SSM_CONV, .result = {OUT(F32, CONTIGUOUS)}, .src = {{IN(F32, ROWS, NEVER)}, {FLAT_F32}},
		.fits = gw_fits_ssm_conv},
	{GGML_OP_SSM_SCAN, .result = {OUT(F32, FLAT)},
		.src = {{FLAT_F32}, {IN(F32, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}, {FLAT_F32}, {IN(F32, ROWS, NEVER)},
			{IN(F32, ROWS, NEVER)}, {INDICES(I32, ROWS, GW_SRC(0), 3)}},
		.params = {PARAM(0, 1, INT32_MAX)}, .fits = gw_fits_ssm_scan},
	{GGML_OP_RWKV_WKV6, .result = {OUT(F32, FLAT)},
		.src = {{FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}}, .fits = gw_fits_wkv6},
	{GGML_OP_RWKV_WKV7, .result = {OUT(F32, FLAT)},
		.src = {{FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}},
		.fits = gw_fits_wkv7},
	{GGML_OP_GATED_LINEAR_ATTN, .result = {OUT(F32, FLAT)},
		.src = {{FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}, {FLAT_F32}}, .fits = gw_fits_gated_linear_attn},
	{GGML_OP_GATED_DELTA_NET, .result = {OUT(F32, FLAT)},
		.src = {{IN(F32, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}, {IN(F32, ROWS, NEVER)}, {FLAT_F32}, {FLAT_F32},
			{FLAT_F32}},
		.params = {PARAM(0, 1, INT32_MAX)}, .fits = gw_fits_gated_delta_net},
};

const struct gw_op_rows gw_op_rows_state = GW_OP_ROWS(rows);
