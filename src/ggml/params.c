#include "ggml/params.h"

#include <stdio.h>
#include <string.h>

#include "ggml/kernels.h"

#define WORDS(n) (uint16_t)((1u << (n)) - 1) /* words 0 to n - 1 */
#define MAX_LATER 4
#define MAX_KERNELS 2
#define FLOAT_1 0x3f800000 /* 1.0f */

/* The first release that has something. A protocol version covers several releases of ggml; `protocol` is the first
 * version whose releases all have it. Source: docs/protocol.md, "Parameters". */
struct since {
	struct gw_version ggml;
	struct gw_version protocol;
};

/* A word that was added later. */
struct later {
	uint8_t word;
	bool hint;      /* may be left out: the result is the same */
	int32_t before; /* the value with the previous meaning */
	struct since since;
};

/* A kernel that was added later. Before, the operation aborts on such a node, or computes something else. */
struct kernel {
	gw_kernel_needed *needed;
	const char *what;
	struct since since;
};

/* A word that selects a variant. */
enum choice {
	ANY,
	UNARIES,
	GLUS,
	PRECISIONS,
};

struct gw_params_rule {
	const char *op;
	uint16_t words;     /* values with the same meaning in all versions, zero included */
	enum choice choice; /* of the word `choosing` */
	uint8_t choosing;
	uint8_t n_later;
	struct later later[MAX_LATER];
	struct since since; /* the operation as we know it; 0.0.0: as long as it exists */
	uint8_t optional;   /* a source that may be missing since `optional_since`; 0: there is none */
	struct since optional_since;
	uint8_t n_kernels;
	struct kernel kernels[MAX_KERNELS];
};

/* The releases in which words came, each with the first protocol version that has none of the releases before. */
#define SINCE(minor, a, b, c)   \
	{                       \
		{0, minor, 0},  \
		{               \
			a, b, c \
		}               \
	}
#define GGML_0_15 SINCE(15, 4, 0, 2)
#define GGML_0_17 SINCE(17, 5, 0, 0)
#define GGML_0_21 SINCE(21, 6, 0, 0)
#define GGML_0_23 SINCE(23, 7, 0, 0)
#define GGML_0_25 SINCE(25, 8, 0, 0)
#define GGML_0_27 SINCE(27, 8, 0, 0)
/* Exists since 0.16 or 0.17; known to compute the same since 0.21. */
#define YOUNG SINCE(17, 6, 0, 0)

/* Nobody computes the first five. `words` are those that ggml's constructors set in 4.0.1 at the latest; an operation
 * that is not here has none. */
static const struct gw_params_rule rules[] = {
	{.op = "NONE", .words = WORDS(16)},
	{.op = "RESHAPE", .words = WORDS(16)},
	{.op = "VIEW", .words = WORDS(16)},
	{.op = "PERMUTE", .words = WORDS(16)},
	{.op = "TRANSPOSE", .words = WORDS(16)},
	{.op = "ACC", .words = WORDS(5)},
	{.op = "CONCAT", .words = WORDS(1), .n_kernels = 1, .kernels = {{gw_needs_quantized, "quantized", GGML_0_17}}},
	{.op = "NORM", .words = WORDS(1)},
	{.op = "RMS_NORM", .words = WORDS(1)},
	{.op = "RMS_NORM_BACK", .words = WORDS(1)},
	{.op = "GROUP_NORM", .words = WORDS(2)},
	{.op = "L2_NORM", .words = WORDS(1)},
	{.op = "MUL_MAT",
		.words = WORDS(1),
		.choice = PRECISIONS,
		.n_later = 3,
		/* A hint about source 0, which allows more types; precisions of sources 0 and 1. */
		.later = {{.word = 1, .since = GGML_0_15}, {.word = 2, .since = GGML_0_25},
			{.word = 3, .since = GGML_0_25}}},
	{.op = "MUL_MAT_ID",
		.n_later = 4,
		/* Precisions of the sum and of sources 0 to 2. */
		.later = {{.word = 0, .since = GGML_0_25}, {.word = 2, .since = GGML_0_25},
			{.word = 3, .since = GGML_0_25}, {.word = 4, .since = GGML_0_25}}},
	{.op = "SCALE", .words = WORDS(2), .n_kernels = 1, .kernels = {{gw_needs_bf16, "in bf16", GGML_0_27}}},
	{.op = "SET", .words = WORDS(5)},
	{.op = "DIAG_MASK_INF", .words = WORDS(1)},
	{.op = "DIAG_MASK_ZERO", .words = WORDS(1)},
	{.op = "SOFT_MAX", .words = WORDS(2)},
	{.op = "SOFT_MAX_BACK", .words = WORDS(2)},
	/* The offset of the rotated part. */
	{.op = "ROPE", .words = WORDS(15), .n_later = 1, .later = {{.word = 15, .since = GGML_0_21}}},
	{.op = "ROPE_BACK", .words = WORDS(15), .n_later = 1, .later = {{.word = 15, .since = GGML_0_21}}},
	{.op = "CLAMP", .words = WORDS(2), .n_kernels = 1, .kernels = {{gw_needs_gaps, "not contiguous", GGML_0_27}}},
	{.op = "CONV_TRANSPOSE_1D", .words = WORDS(3)},
	{.op = "IM2COL",
		.words = WORDS(7),
		.n_kernels = 1,
		.kernels = {{gw_needs_columns_of_a_kernel, "to f16, for a kernel of another type", GGML_0_17}}},
	{.op = "IM2COL_BACK", .words = WORDS(7)},
	{.op = "IM2COL_3D", .words = WORDS(10)},
	{.op = "COL2IM_1D", .words = WORDS(3)},
	{.op = "CONV_2D", .words = WORDS(6)},
	{.op = "CONV_3D", .words = WORDS(12)},
	{.op = "CONV_2D_DW",
		.words = WORDS(6),
		.n_kernels = 1,
		.kernels = {{gw_needs_f16_source, "with a kernel in f16", GGML_0_17}}},
	{.op = "CONV_TRANSPOSE_2D",
		.words = WORDS(1),
		.n_kernels = 1,
		.kernels = {{gw_needs_images, "for several images", GGML_0_23}}},
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
	/* A bound on the positions that the mask does not exclude. */
	{.op = "FLASH_ATTN_EXT",
		.words = WORDS(4),
		.choice = PRECISIONS,
		.choosing = 3,
		.n_later = 1,
		.later = {{.word = 4, .hint = true, .since = GGML_0_23}}},
	{.op = "FLASH_ATTN_BACK", .words = WORDS(1)},
	/* The number of states in the result. */
	{.op = "SSM_SCAN", .n_later = 1, .later = {{.word = 0, .before = 1, .since = GGML_0_21}}},
	{.op = "WIN_PART", .words = WORDS(3)},
	{.op = "WIN_UNPART", .words = WORDS(1)},
	{.op = "ADD_REL_POS", .words = WORDS(1)},
	{.op = "GATED_LINEAR_ATTN", .words = WORDS(1)},
	/* The same. Before 0.15 it took the number from the shape of its state (ggml/delta_state.h). */
	{.op = "GATED_DELTA_NET",
		.n_later = 1,
		.later = {{.word = 0, .before = 1, .since = GGML_0_15}},
		.since = GGML_0_15},
	{.op = "LIGHTNING_INDEXER", .since = YOUNG},
	{.op = "DSV4_HC_COMB", .words = WORDS(2), .since = YOUNG},
	/* A factor, and whether source 1 is a gate. */
	{.op = "DSV4_HC_PRE",
		.n_later = 2,
		.later = {{.word = 0, .before = FLOAT_1, .since = GGML_0_25}, {.word = 1, .since = GGML_0_25}},
		.since = YOUNG},
	{.op = "DSV4_HC_POST", .since = YOUNG, .optional = 3, .optional_since = GGML_0_25},
	{.op = "UNARY",
		.words = WORDS(5),
		.choice = UNARIES,
		.n_kernels = 1,
		.kernels = {{gw_needs_bf16_activation, "in bf16", GGML_0_25}}},
	{.op = "GLU",
		.words = WORDS(4),
		.choice = GLUS,
		.n_kernels = 2,
		.kernels = {{gw_needs_bf16, "in bf16", GGML_0_27}, {gw_needs_f16_oai, "in f16", GGML_0_27}}},
};

static const struct gw_params_rule without = {.op = ""};

const struct gw_params_rule *gw_params_rule(const char *op)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].op, op) == 0)
			return &rules[i];
	return &without;
}

static bool is_peer(const struct gw_side *side)
{
	return !gw_version_at_least(side->ggml, (struct gw_version){0, 0, 1});
}

static bool has(const struct gw_side *side, const struct since *since)
{
	return is_peer(side) ? gw_version_at_least(side->protocol, since->protocol)
			     : gw_version_at_least(side->ggml, since->ggml);
}

/* Size of a side's name. */
#define SIDE_TEXT 32

static const char *side_text(const struct gw_side *side, char out[SIDE_TEXT])
{
	const struct gw_version *v = is_peer(side) ? &side->protocol : &side->ggml;

	snprintf(out, SIDE_TEXT, is_peer(side) ? "protocol %u.%u.%u" : "ggml %u.%u.%u", v->major, v->minor, v->patch);
	return out;
}

enum gw_status gw_params_check_node(const struct gw_params_rule *rule, const struct gw_side *side,
	const struct ggml_tensor *node, struct gw_error *err)
{
	char text[SIDE_TEXT];

	if (!has(side, &rule->since))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s may compute something else", side_text(side, text));
	if (rule->optional && !node->src[rule->optional] && !has(side, &rule->optional_since))
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s may need source %u, which is missing",
			side_text(side, text), rule->optional);
	for (unsigned i = 0; i < rule->n_kernels; i++)
		if (!has(side, &rule->kernels[i].since) && rule->kernels[i].needed(node))
			return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s may have no kernel for it %s",
				side_text(side, text), rule->kernels[i].what);
	return GW_OK;
}

static bool translate_variant(const struct gw_names *from, const struct gw_names *to, int32_t *value)
{
	uint32_t number = gw_names_find(to, gw_names_get(from, (uint32_t)*value));
	if (number == GW_NO_NUMBER)
		return false;
	*value = (int32_t)number;
	return true;
}

/* 0 is the device's default, 10 is F32: ggml.h, enum ggml_prec. The others were added in this release. */
static const struct since precisions = GGML_0_25;

static bool precision_known(const struct gw_side *side, int32_t value)
{
	return value == 0 || value == 10 || has(side, &precisions);
}

static bool translate_choice(enum choice choice, const struct gw_side *from, const struct gw_side *to, int32_t *value)
{
	switch (choice) {
	case UNARIES:
		return translate_variant(&gw_unaries_22, &gw_unaries_22, value);
	case GLUS:
		return translate_variant(from->glus, to->glus, value);
	case PRECISIONS:
		return precision_known(to, *value);
	default:
		return true;
	}
}

static enum gw_status refuse(unsigned word, int32_t value, const struct gw_side *to, struct gw_error *err)
{
	char text[SIDE_TEXT];

	return gw_error_set(err, GW_ERR_UNSUPPORTED, "parameter %u has the value %d, which %s may not know", word,
		value, side_text(to, text));
}

/* A side without this word sends zero, which the other side must understand as the previous meaning. */
static bool translate_later(const struct later *later, const struct gw_side *to, int32_t in, int32_t *out)
{
	*out = later->before;
	if (in == 0 || in == later->before || (later->hint && !has(to, &later->since)))
		return true;
	*out = in;
	return has(to, &later->since);
}

/* Words without a rule: the newer side knows all words of the older one. */
static enum gw_status check_unknown(const struct gw_params_rule *rule, const struct gw_side *from,
	const struct gw_side *to, const int32_t in[GW_PARAMS], struct gw_error *err)
{
	uint32_t known = rule->words;

	if (gw_version_at_least(to->protocol, from->protocol))
		return GW_OK;
	for (unsigned i = 0; i < rule->n_later; i++)
		known |= 1u << rule->later[i].word;
	for (unsigned i = 0; i < GW_PARAMS; i++)
		if (in[i] != 0 && !(known >> i & 1))
			return refuse(i, in[i], to, err);
	return GW_OK;
}

enum gw_status gw_params_translate(const struct gw_params_rule *rule, const struct gw_side *from,
	const struct gw_side *to, const int32_t in[GW_PARAMS], int32_t out[GW_PARAMS], struct gw_error *err)
{
	memcpy(out, in, GW_PARAMS * sizeof(*out));
	for (const struct later *l = rule->later; l < rule->later + rule->n_later; l++)
		if (!translate_later(l, to, in[l->word], &out[l->word]))
			return refuse(l->word, in[l->word], to, err);
	if (check_unknown(rule, from, to, in, err))
		return GW_ERR_UNSUPPORTED;
	if (!translate_choice(rule->choice, from, to, &out[rule->choosing]))
		return refuse(rule->choosing, in[rule->choosing], to, err);
	return GW_OK;
}

static bool has_all_of(const struct gw_side *side, const struct gw_params_rule *rule)
{
	bool all = has(side, &rule->since) && (!rule->optional || has(side, &rule->optional_since)) &&
		   (rule->choice != PRECISIONS || has(side, &precisions));

	for (unsigned i = 0; i < rule->n_kernels; i++)
		all = all && has(side, &rule->kernels[i].since);
	for (unsigned i = 0; i < rule->n_later; i++)
		all = all && rule->later[i].before == 0 && has(side, &rule->later[i].since);
	return all;
}

bool gw_params_are_same(const struct gw_params_rule *rule, const struct gw_side *from, const struct gw_side *to)
{
	return (rule->choice == ANY || rule->choice == PRECISIONS) && has_all_of(from, rule) && has_all_of(to, rule) &&
	       gw_version_at_least(to->protocol, from->protocol);
}
