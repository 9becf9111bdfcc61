#include "slots.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <ggml.h>

#include "device.h"
#include "doc.h"

#define CONTEXT_BYTES ((size_t)64 * 1024)
#define MAX_LINE 160

/* Sections are set for MROPE, IMROPE and VISION, and 0 otherwise. */
enum presence {
	ALWAYS,
	SECTIONS,
	ZERO,
};

static const struct rope_params distinct = {
	.mode = GGML_ROPE_TYPE_MROPE,
	.n_dims = 32,
	.offset = 6,
	.sections = {7, 5, 3, 1},
	.n_ctx_orig = 4096,
	.freq_base = 10000,
	.freq_scale = 0.5f,
	.ext_factor = 0.25f,
	.attn_factor = 0.75f,
	.beta_fast = 24,
	.beta_slow = 3,
};

#define AT(name) offsetof(struct rope_params, name)

static const struct slot {
	const char *name, *type;
	size_t at; /* offset of the value in struct rope_params */
	enum presence presence;
} slots[] = {
	{"n_past", "int32", 0, ZERO},
	{"n_dims", "int32", AT(n_dims), ALWAYS},
	{"mode", "int32", AT(mode), ALWAYS},
	{"n_ctx", "int32", 0, ZERO},
	{"n_ctx_orig", "int32", AT(n_ctx_orig), ALWAYS},
	{"freq_base", "float", AT(freq_base), ALWAYS},
	{"freq_scale", "float", AT(freq_scale), ALWAYS},
	{"ext_factor", "float", AT(ext_factor), ALWAYS},
	{"attn_factor", "float", AT(attn_factor), ALWAYS},
	{"beta_fast", "float", AT(beta_fast), ALWAYS},
	{"beta_slow", "float", AT(beta_slow), ALWAYS},
	{"sections[0]", "int32", AT(sections[0]), SECTIONS},
	{"sections[1]", "int32", AT(sections[1]), SECTIONS},
	{"sections[2]", "int32", AT(sections[2]), SECTIONS},
	{"sections[3]", "int32", AT(sections[3]), SECTIONS},
	{"offset", "int32", AT(offset), ALWAYS},
};

_Static_assert(sizeof(slots) / sizeof(slots[0]) * sizeof(int32_t) == GGML_MAX_OP_PARAMS, "a row for each slot");
_Static_assert(sizeof(float) == sizeof(int32_t) && sizeof(int) == sizeof(int32_t), "slots are compared as bits");

static int32_t slot_expected(const struct slot *slot, const struct rope_params *params)
{
	int32_t value = 0;
	if (slot->presence == ALWAYS || (slot->presence == SECTIONS && rope_has_sections(params->mode)))
		memcpy(&value, (const char *)params + slot->at, sizeof(value));
	return value;
}

static bool slots_match(const struct ggml_tensor *op, const struct rope_params *params)
{
	bool good = true;
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		int32_t expected = slot_expected(&slots[i], params);
		if (op->op_params[i] != expected) {
			fprintf(stderr, "%s, mode %d: slot %zu (%s) is %#x instead of %#x\n", ggml_op_name(op->op),
				params->mode, i, slots[i].name, (unsigned)op->op_params[i], (unsigned)expected);
			good = false;
		}
	}
	return good;
}

/* Checks the operation's name and sources, and that a rotation in place is a view of its first source. */
static bool shape_matches(
	const struct ggml_tensor *op, const struct rope_params *params, struct ggml_tensor *const src[3])
{
	bool good = op->op == (params->backward ? GGML_OP_ROPE_BACK : GGML_OP_ROPE) && op->src[0] == src[0] &&
		    op->src[1] == src[1] && op->src[2] == src[2] && !op->src[3] &&
		    op->view_src == (params->inplace ? src[0] : NULL);
	if (!good)
		fprintf(stderr, "%s, mode %d: other sources than expected\n", ggml_op_name(op->op), params->mode);
	return good;
}

static bool op_check(struct ggml_context *ctx, int mode, bool backward, bool inplace)
{
	struct rope_params params = distinct;
	params.mode = mode;
	params.backward = backward;
	params.inplace = inplace;
	if (mode == GGML_ROPE_TYPE_VISION)
		params.offset = 0; /* it has no offset */
	struct ggml_tensor *src[3] = {
		ggml_new_tensor_3d(ctx, GGML_TYPE_F32, 64, 2, 3),
		ggml_new_tensor_1d(ctx, GGML_TYPE_I32, 3 * rope_n_streams(mode)),
		ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 64),
	};
	struct ggml_tensor *op = rope_build(ctx, &params, src[0], src[1], src[2]);
	bool good = slots_match(op, &params);
	return shape_matches(op, &params, src) && good;
}

static bool ops_check(void)
{
	static const int modes[] = {GGML_ROPE_TYPE_NORMAL, GGML_ROPE_TYPE_NEOX, GGML_ROPE_TYPE_MROPE,
		GGML_ROPE_TYPE_IMROPE, GGML_ROPE_TYPE_VISION};
	struct ggml_context *ctx = ggml_init((struct ggml_init_params){.mem_size = CONTEXT_BYTES, .no_alloc = true});
	bool good = ctx != NULL;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]) && good; i++)
		good = op_check(ctx, modes[i], false, false) && op_check(ctx, modes[i], false, true) &&
		       op_check(ctx, modes[i], true, false);
	ggml_free(ctx);
	return good;
}

bool rope_slots_check(const char *text)
{
	static const char *const presence[] = {"", "  0 in NORMAL and NEOX", "  always 0"};
	bool good = ops_check();
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		char line[MAX_LINE];
		int len = snprintf(line, sizeof(line), "%2zu  %-11s  %s", i, slots[i].name, slots[i].type);
		snprintf(line + len, sizeof(line) - (size_t)len, "%s", presence[slots[i].presence]);
		good = rope_doc_line(text, line) && good;
	}
	return good;
}
