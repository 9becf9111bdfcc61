#include "wire/ops.h"

#include <stddef.h>
#include <string.h>

/* The tables differ by what was inserted: runs of operations that always stood together are written once. */
#define OPS_NONE_TO_IM2COL_3D                                                                                          \
	"NONE", "DUP", "ADD", "ADD_ID", "ADD1", "ACC", "SUB", "MUL", "DIV", "SQR", "SQRT", "LOG", "SIN", "COS", "SUM", \
		"SUM_ROWS", "CUMSUM", "MEAN", "ARGMAX", "COUNT_EQUAL", "REPEAT", "REPEAT_BACK", "CONCAT", "SILU_BACK", \
		"NORM", "RMS_NORM", "RMS_NORM_BACK", "GROUP_NORM", "L2_NORM", "MUL_MAT", "MUL_MAT_ID", "OUT_PROD",     \
		"SCALE", "SET", "CPY", "CONT", "RESHAPE", "VIEW", "PERMUTE", "TRANSPOSE", "GET_ROWS", "GET_ROWS_BACK", \
		"SET_ROWS", "DIAG", "DIAG_MASK_INF", "DIAG_MASK_ZERO", "SOFT_MAX", "SOFT_MAX_BACK", "ROPE",            \
		"ROPE_BACK", "CLAMP", "CONV_TRANSPOSE_1D", "IM2COL", "IM2COL_BACK", "IM2COL_3D"
#define OPS_CONV_2D_TO_GATED_DELTA_NET                                                                                \
	"CONV_2D", "CONV_3D", "CONV_2D_DW", "CONV_TRANSPOSE_2D", "POOL_1D", "POOL_2D", "POOL_2D_BACK", "UPSCALE",     \
		"PAD", "PAD_REFLECT_1D", "ROLL", "ARANGE", "TIMESTEP_EMBEDDING", "ARGSORT", "TOP_K", "LEAKY_RELU",    \
		"TRI", "FILL", "FLASH_ATTN_EXT", "FLASH_ATTN_BACK", "SSM_CONV", "SSM_SCAN", "WIN_PART", "WIN_UNPART", \
		"GET_REL_POS", "ADD_REL_POS", "RWKV_WKV6", "GATED_LINEAR_ATTN", "RWKV_WKV7", "SOLVE_TRI",             \
		"GATED_DELTA_NET"
#define OPS_DSV4_HC "DSV4_HC_COMB", "DSV4_HC_PRE", "DSV4_HC_POST"
#define OPS_UNARY_TO_GLU                                                                      \
	"UNARY", "MAP_CUSTOM1", "MAP_CUSTOM2", "MAP_CUSTOM3", "CUSTOM", "CROSS_ENTROPY_LOSS", \
		"CROSS_ENTROPY_LOSS_BACK", "OPT_STEP_ADAMW", "OPT_STEP_SGD", "GLU"

static const char *const ops_96[] = {OPS_NONE_TO_IM2COL_3D, OPS_CONV_2D_TO_GATED_DELTA_NET, OPS_UNARY_TO_GLU};
static const char *const ops_97[] = {
	OPS_NONE_TO_IM2COL_3D, "COL2IM_1D", OPS_CONV_2D_TO_GATED_DELTA_NET, OPS_UNARY_TO_GLU};
static const char *const ops_98[] = {
	OPS_NONE_TO_IM2COL_3D, "COL2IM_1D", OPS_CONV_2D_TO_GATED_DELTA_NET, "LIGHTNING_INDEXER", OPS_UNARY_TO_GLU};
static const char *const ops_101[] = {OPS_NONE_TO_IM2COL_3D, "COL2IM_1D", OPS_CONV_2D_TO_GATED_DELTA_NET,
	"LIGHTNING_INDEXER", OPS_DSV4_HC, OPS_UNARY_TO_GLU};

_Static_assert(sizeof(ops_96) / sizeof(ops_96[0]) == 96, "4.0.0");
_Static_assert(sizeof(ops_97) / sizeof(ops_97[0]) == 97, "4.0.1");
_Static_assert(sizeof(ops_98) / sizeof(ops_98[0]) == 98, "4.0.2");
_Static_assert(sizeof(ops_101) / sizeof(ops_101[0]) == 101, "4.0.3");

const struct gw_names gw_ops_96 = {96, ops_96};
const struct gw_names gw_ops_97 = {97, ops_97};
const struct gw_names gw_ops_98 = {98, ops_98};
const struct gw_names gw_ops_101 = {101, ops_101};

/* 4, 5, 31 to 33 and 36 to 38 were types once. */
#define TYPES_TO_Q1_0                                                                                                \
	"f32", "f16", "q4_0", "q4_1", NULL, NULL, "q5_0", "q5_1", "q8_0", "q8_1", "q2_K", "q3_K", "q4_K", "q5_K",    \
		"q6_K", "q8_K", "iq2_xxs", "iq2_xs", "iq3_xxs", "iq1_s", "iq4_nl", "iq3_s", "iq2_s", "iq4_xs", "i8", \
		"i16", "i32", "i64", "f64", "iq1_m", "bf16", NULL, NULL, NULL, "tq1_0", "tq2_0", NULL, NULL, NULL,   \
		"mxfp4", "nvfp4", "q1_0"

static const char *const types_42[] = {TYPES_TO_Q1_0};
static const char *const types_43[] = {TYPES_TO_Q1_0, "q2_0"};

_Static_assert(sizeof(types_42) / sizeof(types_42[0]) == 42, "4.0.0");

const struct gw_names gw_types_42 = {42, types_42};
const struct gw_names gw_types_43 = {43, types_43};

static const char *const unaries_22[] = {"ABS", "SGN", "NEG", "STEP", "TANH", "ELU", "RELU", "SIGMOID", "GELU",
	"GELU_QUICK", "SILU", "HARDSWISH", "HARDSIGMOID", "EXP", "EXPM1", "SOFTPLUS", "GELU_ERF", "XIELU", "FLOOR",
	"CEIL", "ROUND", "TRUNC"};
static const char *const glus_7[] = {
	"REGLU", "GEGLU", "SWIGLU", "SWIGLU_OAI", "GEGLU_ERF", "GEGLU_QUICK", "SWIGLU_CLAMP"};

_Static_assert(sizeof(unaries_22) / sizeof(unaries_22[0]) == 22, "all versions");
_Static_assert(sizeof(glus_7) / sizeof(glus_7[0]) == 7, "7.0.0");

const struct gw_names gw_unaries_22 = {22, unaries_22};
const struct gw_names gw_glus_6 = {6, glus_7};
const struct gw_names gw_glus_7 = {7, glus_7};

uint32_t gw_names_find(const struct gw_names *table, const char *name)
{
	for (uint32_t i = 0; name && i < table->count; i++)
		if (table->names[i] && strcmp(table->names[i], name) == 0)
			return i;
	return GW_NO_NUMBER;
}

const char *gw_names_get(const struct gw_names *table, uint32_t number)
{
	return number < table->count ? table->names[number] : NULL;
}
