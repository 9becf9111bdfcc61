#include "ggml/params.h"

#include <string.h>

#define WORDS(n) (uint16_t)((1u << (n)) - 1) /* words 0 to n - 1 */

/* What the value of a word chooses among. */
enum choice {
	ANY,
	UNARIES,
	GLUS,
	PRECISIONS,
};

struct gw_params_rule {
	const char *op;
	uint16_t words;     /* mean the same in all versions, zero included */
	enum choice choice; /* of the word `choosing` */
	uint8_t choosing;
	bool first_is_1; /* word 0 is a later one, and 1 means what it was before */
	bool young;      /* not known to have meant the same since the operation is there */
};

/* Nobody computes the first five. The words are those that ggml's constructors set in 4.0.1; operations that are not
 * here had none. Later ones, for which zero is what was before: MUL_MAT and MUL_MAT_ID 3 (precision of a source),
 * MUL_MAT_ID 0 (precision), ROPE 15 (offset of the rotated part), FLASH_ATTN_EXT 4 (most positions that are not
 * masked). */
static const struct gw_params_rule rules[] = {
	{.op = "NONE", .words = WORDS(16)},
	{.op = "RESHAPE", .words = WORDS(16)},
	{.op = "VIEW", .words = WORDS(16)},
	{.op = "PERMUTE", .words = WORDS(16)},
	{.op = "TRANSPOSE", .words = WORDS(16)},
	{.op = "ACC", .words = WORDS(5)},
	{.op = "CONCAT", .words = WORDS(1)},
	{.op = "NORM", .words = WORDS(1)},
	{.op = "RMS_NORM", .words = WORDS(1)},
	{.op = "RMS_NORM_BACK", .words = WORDS(1)},
	{.op = "GROUP_NORM", .words = WORDS(2)},
	{.op = "L2_NORM", .words = WORDS(1)},
	{.op = "MUL_MAT", .words = WORDS(2), .choice = PRECISIONS, .choosing = 0},
	{.op = "SCALE", .words = WORDS(2)},
	{.op = "SET", .words = WORDS(5)},
	{.op = "DIAG_MASK_INF", .words = WORDS(1)},
	{.op = "DIAG_MASK_ZERO", .words = WORDS(1)},
	{.op = "SOFT_MAX", .words = WORDS(2)},
	{.op = "SOFT_MAX_BACK", .words = WORDS(2)},
	{.op = "ROPE", .words = WORDS(15)},
	{.op = "ROPE_BACK", .words = WORDS(15)},
	{.op = "CLAMP", .words = WORDS(2)},
	{.op = "CONV_TRANSPOSE_1D", .words = WORDS(3)},
	{.op = "IM2COL", .words = WORDS(7)},
	{.op = "IM2COL_BACK", .words = WORDS(7)},
	{.op = "IM2COL_3D", .words = WORDS(10)},
	{.op = "COL2IM_1D", .words = WORDS(3)},
	{.op = "CONV_2D", .words = WORDS(6)},
	{.op = "CONV_3D", .words = WORDS(12)},
	{.op = "CONV_2D_DW", .words = WORDS(6)},
	{.op = "CONV_TRANSPOSE_2D", .words = WORDS(1)},
	{.op = "POOL_1D", .words = WORDS(4)},
	{.op = "POOL_2D", .words = WORDS(7)},
	{.op = "POOL_2D_BACK", .words = WORDS(7)},
	{.op = "UPSCALE", .words = WORDS(1)},
	{.op = "PAD", .words = WORDS(9)},
	{.op = "PAD_REFLECT_1D", .words = WORDS(2)},
	{.op = "ROLL", .words = WORDS(4)},
	{.op = "ARANGE", .words = WORDS(3)},
	{.op = "TIMESTEP_EMBEDDING", .words = WORDS(2)},
	{.op = "ARGSORT", .words = WORDS(1)},
	{.op = "LEAKY_RELU", .words = WORDS(1)},
	{.op = "TRI", .words = WORDS(1)},
	{.op = "FILL", .words = WORDS(1)},
	{.op = "FLASH_ATTN_EXT", .words = WORDS(4), .choice = PRECISIONS, .choosing = 3},
	{.op = "FLASH_ATTN_BACK", .words = WORDS(1)},
	{.op = "SSM_SCAN", .first_is_1 = true},
	{.op = "WIN_PART", .words = WORDS(3)},
	{.op = "WIN_UNPART", .words = WORDS(1)},
	{.op = "ADD_REL_POS", .words = WORDS(1)},
	{.op = "GATED_LINEAR_ATTN", .words = WORDS(1)},
	{.op = "GATED_DELTA_NET", .first_is_1 = true},
	{.op = "LIGHTNING_INDEXER", .young = true},
	{.op = "DSV4_HC_COMB", .young = true},
	{.op = "DSV4_HC_PRE", .young = true},
	{.op = "DSV4_HC_POST", .young = true},
	{.op = "UNARY", .words = WORDS(5), .choice = UNARIES, .choosing = 0},
	{.op = "GLU", .words = WORDS(4), .choice = GLUS, .choosing = 0},
};

static const struct gw_params_rule without = {.op = ""};

const struct gw_params_rule *gw_params_rule(const char *op)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].op, op) == 0)
			return &rules[i];
	return &without;
}

static bool translate_variant(const struct gw_names *from, const struct gw_names *to, int32_t *value)
{
	uint32_t number = gw_names_find(to, gw_names_get(from, (uint32_t)*value));
	if (number == GW_NO_NUMBER)
		return false;
	*value = (int32_t)number;
	return true;
}

/* 0 is what the device likes best, 10 is F32: ggml.h, enum ggml_prec. The others are later ones. */
static bool precision_known(int32_t value)
{
	return value == 0 || value == 10;
}

static bool translate_choice(
	enum choice choice, const struct gw_names *from_glus, const struct gw_names *to_glus, int32_t *value)
{
	switch (choice) {
	case UNARIES:
		return translate_variant(&gw_unaries_22, &gw_unaries_22, value);
	case GLUS:
		return translate_variant(from_glus, to_glus, value);
	case PRECISIONS:
		return precision_known(*value);
	default:
		return true;
	}
}

static enum gw_status refuse(unsigned word, int32_t value, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"parameter %u has the value %d, which versions before 8.0 may take for something else", word, value);
}

/* A word that came later: only the value that means what was before, which a side that knows the word has to see. */
static enum gw_status translate_later(
	const struct gw_params_rule *rule, unsigned word, int32_t in, int32_t *out, struct gw_error *err)
{
	int32_t neutral = word == 0 && rule->first_is_1 ? 1 : 0;
	if (in != 0 && in != neutral)
		return refuse(word, in, err);
	*out = neutral;
	return GW_OK;
}

enum gw_status gw_params_translate(const struct gw_params_rule *rule, const struct gw_names *from_glus,
	const struct gw_names *to_glus, const int32_t in[GW_PARAMS], int32_t out[GW_PARAMS], struct gw_error *err)
{
	if (rule->young)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "it may have meant something else before version 8.0");
	for (unsigned i = 0; i < GW_PARAMS; i++) {
		enum gw_status st = GW_OK;
		if (rule->words >> i & 1)
			out[i] = in[i];
		else
			st = translate_later(rule, i, in[i], &out[i], err);
		if (st != GW_OK)
			return st;
	}
	if (!translate_choice(rule->choice, from_glus, to_glus, &out[rule->choosing]))
		return refuse(rule->choosing, in[rule->choosing], err);
	return GW_OK;
}
