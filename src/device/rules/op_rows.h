/* The words that the rows of op_rows_*.c are written in, and the families of rows. Private to the rules. */
#ifndef GW_DEVICE_RULES_OP_ROWS_H
#define GW_DEVICE_RULES_OP_ROWS_H

#include "device/rules/op_fits.h"
#include "device/rules/op_rules.h"

/* Types. */
#define T(name) (UINT64_C(1) << GGML_TYPE_##name)
#define F32 T(F32)
#define F16 T(F16)
#define BF16 T(BF16)
#define I32 T(I32)
#define I64 T(I64)
#define FLOATS (F32 | F16 | BF16)

/* In blocks, and kernels can quantize a row into them. */
#define QUANTIZABLE                                                                                          \
	(T(Q4_0) | T(Q4_1) | T(Q5_0) | T(Q5_1) | T(Q8_0) | T(Q2_K) | T(Q3_K) | T(Q4_K) | T(Q5_K) | T(Q6_K) | \
		T(IQ4_NL) | T(IQ4_XS) | T(TQ1_0) | T(TQ2_0) | T(MXFP4) | T(NVFP4) | T(Q1_0) | T(Q2_0))

/* In blocks, and kernels can turn them back into numbers, and multiply by them. Q8_1 and Q8_K are for the inside of
 * kernels only. */
#define QUANTIZED (QUANTIZABLE | T(IQ2_XXS) | T(IQ2_XS) | T(IQ2_S) | T(IQ3_XXS) | T(IQ3_S) | T(IQ1_S) | T(IQ1_M))

/* What CPY can make. */
#define COPIES (PLAIN | QUANTIZABLE | T(Q8_1) | T(Q8_K))

#define PLAIN (FLOATS | T(I8) | T(I16) | I32 | I64 | T(F64))
#define EVERY (PLAIN | QUANTIZED | T(Q8_1) | T(Q8_K))

/* Operands: types, GW_LAYOUT_, GW_OVERLAP_; then, for some, `.optional = true` and the like. */
#define OUT(t, lay) .types = (t), .layout = GW_LAYOUT_##lay
#define IN(t, lay, over) .types = (t), .layout = GW_LAYOUT_##lay, .overlap = GW_OVERLAP_##over
#define INDICES(t, lay, of, dim) \
	.types = (t), .layout = GW_LAYOUT_##lay, .overlap = GW_OVERLAP_NEVER, .rows_of = (of), .rows_in = (dim)

/* A parameter's bounds; words count from 0 here. */
#define PARAM(w, lo, hi)                                  \
	{                                                 \
		.word = (w) + 1, .min = (lo), .max = (hi) \
	}
#define CHOICE(w, n) PARAM(w, 0, (n)-1)
#define FLAG(w) PARAM(w, 0, 1)

/* Strides, dilations, kernel sizes, paddings: beyond this, sums of products with extents could leave 64 bits. */
#define STEP_MAX (1 << 24)
#define STEP(w) PARAM(w, 1, STEP_MAX)
#define PADDING(w) PARAM(w, 0, STEP_MAX)

struct gw_op_rows {
	const struct gw_op_rule *rows;
	size_t n;
};

extern const struct gw_op_rows gw_op_rows_arith;
extern const struct gw_op_rows gw_op_rows_unary;
extern const struct gw_op_rows gw_op_rows_move;
extern const struct gw_op_rows gw_op_rows_matrix;
extern const struct gw_op_rows gw_op_rows_conv;
extern const struct gw_op_rows gw_op_rows_state;
extern const struct gw_op_rows gw_op_rows_train;

#define GW_OP_ROWS(rows)                                 \
	{                                                \
		(rows), sizeof(rows) / sizeof((rows)[0]) \
	}

#endif
