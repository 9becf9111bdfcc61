#include "cases.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "reference.h"

#define MAX_HEAD 256

enum factors {
	FACTORS_NONE,
	FACTORS_RISING,       /* 1, 1.37, 1.74, ... */
	FACTORS_PROPORTIONAL, /* 1 for the first half of the pairs; for the others so large that they do not rotate */
	FACTORS_LEARNED,      /* the inverse of frequencies that follow no power law */
};

struct rope_case {
	const char *name;
	struct rope_params params;
	int ne[4];               /* head, heads, tokens, batch */
	int first_dim, n_dims;   /* the part to rotate; n_dims 0: everything */
	int first_head, n_heads; /* n_heads 0: all */
	int first_pos, step;     /* positions of the tokens */
	enum factors factors;
};

#define PLAIN(base) .freq_base = (base), .freq_scale = 1, .attn_factor = 1
#define YARN(base, scale)                                                                                  \
	.n_ctx_orig = 4096, .freq_base = (base), .freq_scale = (scale), .ext_factor = 1, .attn_factor = 1, \
	.beta_fast = 32, .beta_slow = 1

#define NORMAL GGML_ROPE_TYPE_NORMAL
#define NEOX GGML_ROPE_TYPE_NEOX
#define MROPE GGML_ROPE_TYPE_MROPE
#define IMROPE GGML_ROPE_TYPE_IMROPE
#define VISION GGML_ROPE_TYPE_VISION

static const struct rope_case cases[] = {
	{"normal", {NORMAL, 128, PLAIN(1e4f)}, {128, 4, 17, 1}, .step = 1},
	{"normal, partial", {NORMAL, 48, PLAIN(1e4f)}, {80, 3, 9, 1}, .step = 3},
	{"normal, offset", {NORMAL, 32, 16, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 3},
	{"normal, batch", {NORMAL, 64, PLAIN(1e4f)}, {64, 2, 5, 3}, .first_pos = 40, .step = 1},
	{"normal, factors", {NORMAL, 128, PLAIN(5e5f)}, {128, 2, 9, 1}, .step = 11, .factors = FACTORS_RISING},
	{"normal, yarn", {NORMAL, 128, YARN(1e4f, 0.25f)}, {128, 2, 9, 1}, .first_pos = 5000, .step = 7},
	{"neox", {NEOX, 128, PLAIN(1e4f)}, {128, 4, 17, 1}, .step = 1},
	{"neox, partial", {NEOX, 48, PLAIN(1e4f)}, {80, 3, 9, 1}, .step = 3},
	{"neox, offset", {NEOX, 32, 16, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 3},
	{"neox, wide head", {NEOX, 256, PLAIN(1e6f)}, {256, 2, 5, 1}, .step = 100},
	{"neox, batch", {NEOX, 64, PLAIN(1e4f)}, {64, 2, 5, 3}, .first_pos = 40, .step = 1},
	{"neox, far", {NEOX, 128, PLAIN(5e5f)}, {128, 2, 9, 1}, .first_pos = 131071, .step = -997},
	{"neox, shifted back", {NEOX, 128, PLAIN(1e4f)}, {128, 2, 9, 1}, .first_pos = -1, .step = -61},
	{"neox, a third of the heads", {NEOX, 64, PLAIN(1e4f)}, {64, 9, 7, 2}, .first_head = 3, .n_heads = 3,
		.step = 5},
	{"neox, factors", {NEOX, 96, PLAIN(1e4f)}, {96, 2, 9, 1}, .step = 11, .factors = FACTORS_RISING},
	{"neox, factors, offset", {NEOX, 32, 16, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 3, .factors = FACTORS_RISING},
	{"neox, proportional", {NEOX, 128, PLAIN(1e6f)}, {128, 2, 9, 1}, .step = 11, .factors = FACTORS_PROPORTIONAL},
	{"neox, learned", {NEOX, 64, PLAIN(1)}, {64, 2, 9, 1}, .step = 3, .factors = FACTORS_LEARNED},
	{"neox, scaled positions", {NEOX, 128, .freq_base = 1e4f, .freq_scale = 0.125f, .attn_factor = 1},
		{128, 2, 9, 1}, .step = 1001},
	{"neox, attention factor", {NEOX, 128, .freq_base = 1e4f, .freq_scale = 1, .attn_factor = 1.190238f},
		{128, 2, 9, 1}, .step = 3},
	{"neox, yarn", {NEOX, 128, YARN(1e4f, 0.25f)}, {128, 2, 9, 1}, .first_pos = 5000, .step = 7},
	{"neox, yarn, offset", {NEOX, 64, 32, YARN(1e4f, 0.25f)}, {128, 2, 9, 1}, .first_pos = 5000, .step = 7},
	{"neox, yarn, factors", {NEOX, 128, YARN(1e6f, 0.0625f)}, {128, 2, 9, 1}, .step = 37,
		.factors = FACTORS_RISING},
	{"neox, half of yarn",
		{NEOX, 64, .n_ctx_orig = 8192, .freq_base = 1e4f, .freq_scale = 0.5f, .ext_factor = 0.5f,
			.attn_factor = 0.8f, .beta_fast = 16, .beta_slow = 2},
		{64, 2, 9, 1}, .step = 37},
	{"2-D, first half by row", {NORMAL, 32, PLAIN(1e4f)}, {64, 2, 12, 1}, .n_dims = 32, .step = 1},
	{"2-D, second half by column", {NORMAL, 32, PLAIN(1e4f)}, {64, 2, 12, 1}, .first_dim = 32, .n_dims = 32,
		.first_pos = 7, .step = -1},
	{"mrope", {MROPE, 128, 0, {16, 24, 24, 0}, PLAIN(1e6f)}, {128, 3, 17, 1}, .step = 1},
	{"mrope, partial", {MROPE, 16, 0, {4, 2, 2, 0}, PLAIN(1e4f)}, {18, 3, 9, 1}, .step = 1},
	{"mrope, offset", {MROPE, 16, 8, {4, 2, 2, 0}, PLAIN(1e4f)}, {32, 3, 9, 1}, .step = 1},
	{"mrope, four streams", {MROPE, 64, 0, {8, 7, 9, 8}, PLAIN(1e4f)}, {64, 2, 9, 2}, .step = 5},
	{"mrope, sections again", {MROPE, 64, 0, {3, 4, 5, 1}, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 5},
	{"mrope, factors", {MROPE, 64, 0, {8, 12, 12, 0}, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 5,
		.factors = FACTORS_RISING},
	{"mrope, yarn", {MROPE, 128, 0, {16, 24, 24, 0}, YARN(1e6f, 0.25f)}, {128, 2, 9, 1}, .step = 501},
	{"imrope", {IMROPE, 128, 0, {24, 20, 20, 0}, PLAIN(5e6f)}, {128, 3, 17, 1}, .step = 1},
	{"imrope, partial", {IMROPE, 16, 0, {4, 2, 2, 0}, PLAIN(1e4f)}, {18, 3, 9, 1}, .step = 1},
	{"imrope, offset", {IMROPE, 16, 8, {3, 3, 2, 0}, PLAIN(1e4f)}, {32, 3, 9, 1}, .step = 1},
	{"imrope, four streams", {IMROPE, 64, 0, {6, 8, 10, 8}, PLAIN(1e4f)}, {64, 2, 9, 2}, .step = 5},
	{"imrope, factors", {IMROPE, 64, 0, {11, 11, 10, 0}, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 5,
		.factors = FACTORS_RISING},
	{"imrope, yarn", {IMROPE, 128, 0, {24, 20, 20, 0}, YARN(5e6f, 0.25f)}, {128, 2, 9, 1}, .step = 501},
	{"vision", {VISION, 40, 0, {20, 20, 20, 20}, PLAIN(1e4f)}, {80, 4, 16, 1}, .step = 1},
	{"vision, two sections", {VISION, 4, 0, {2, 2, 0, 0}, PLAIN(1e4f)}, {8, 4, 16, 1}, .step = 1},
	{"vision, uneven", {VISION, 32, 0, {10, 22, 0, 0}, PLAIN(1e4f)}, {64, 2, 9, 2}, .step = 1},
	{"vision, factors", {VISION, 32, 0, {16, 16, 0, 0}, PLAIN(1e4f)}, {64, 2, 9, 1}, .step = 5,
		.factors = FACTORS_RISING},
	{"vision, yarn", {VISION, 64, 0, {32, 32, 0, 0}, YARN(1e4f, 0.25f)}, {128, 2, 9, 1}, .step = 51},
};

static const struct variant {
	const char *name;
	enum ggml_type type;
	bool backward, inplace;
} variants[] = {
	{"f32", GGML_TYPE_F32, false, false},
	{"f32 in place", GGML_TYPE_F32, false, true},
	{"f32 backward", GGML_TYPE_F32, true, false},
	{"f16", GGML_TYPE_F16, false, false},
	{"f16 in place", GGML_TYPE_F16, false, true},
	{"f16 backward", GGML_TYPE_F16, true, false},
};

/* One case in one variant, with its memory. */
struct trial {
	const struct rope_case *c;
	const char *variant;
	struct rope_params params;
	struct rope_input input;
	float *values, *result, *after, *factors;
	int32_t *pos;
	double worst;    /* largest error relative to the allowed error */
	bool declinable; /* the device must decline the case */
};

static int64_t n_values(const struct rope_case *c)
{
	return (int64_t)c->ne[0] * c->ne[1] * c->ne[2] * c->ne[3];
}

/* Multiples of 1/1024 from -1 to 1, which both types represent exactly. */
static void values_fill(float *values, int64_t n)
{
	uint32_t state = 1;
	for (int64_t i = 0; i < n; i++) {
		state = state * 1664525u + 1013904223u;
		values[i] = (float)((int32_t)(state >> 16) % 1025) * (state & 0x8000 ? -0x1p-10f : 0x1p-10f);
	}
}

/* The streams differ in every token, so an element rotated by the wrong stream becomes visible. */
static void positions_fill(const struct rope_case *c, int32_t *pos)
{
	for (int32_t stream = 0; stream < rope_n_streams(c->params.mode); stream++)
		for (int32_t token = 0; token < c->ne[2]; token++)
			*pos++ = c->first_pos + stream * 17 + token * c->step * (stream + 1);
}

static float factor_at(enum factors kind, int64_t i, int64_t n)
{
	switch (kind) {
	case FACTORS_PROPORTIONAL:
		return i < n / 2 ? 1.0f : 1e30f;
	case FACTORS_LEARNED:
		return 1 / (0.9f / (float)(i + 1) + 0.03f * (float)(i % 5));
	default:
		return 1 + 0.37f * (float)i;
	}
}

static void factors_fill(const struct rope_case *c, float *factors, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		factors[i] = factor_at(c->factors, i, n);
}

static bool trial_open(struct trial *trial, const struct rope_case *c, const struct variant *v)
{
	int64_t n_dims = c->n_dims ? c->n_dims : c->ne[0], n_heads = c->n_heads ? c->n_heads : c->ne[1];
	size_t n = (size_t)n_values(c);
	*trial = (struct trial){.c = c, .variant = v->name, .params = c->params};
	trial->params.backward = v->backward;
	trial->params.inplace = v->inplace;
	trial->values = calloc(n, sizeof(float));
	trial->result = calloc(n, sizeof(float));
	trial->after = calloc(n, sizeof(float));
	trial->factors = calloc((size_t)n_dims, sizeof(float));
	trial->pos = calloc((size_t)c->ne[2] * GGML_MROPE_SECTIONS, sizeof(int32_t));
	if (!trial->values || !trial->result || !trial->after || !trial->factors || !trial->pos)
		return false;
	int64_t n_factors = rope_n_pairs(&trial->params, n_dims);
	values_fill(trial->values, n_values(c));
	positions_fill(c, trial->pos);
	factors_fill(c, trial->factors, n_factors);
	trial->input = (struct rope_input){
		.type = v->type,
		.ne = {c->ne[0], c->ne[1], c->ne[2], c->ne[3]},
		.first_dim = c->first_dim,
		.n_dims = n_dims,
		.first_head = c->first_head,
		.n_heads = n_heads,
		.values = trial->values,
		.pos = trial->pos,
		.factors = c->factors == FACTORS_NONE ? NULL : trial->factors,
		.n_factors = n_factors,
	};
	return true;
}

static void trial_close(struct trial *trial)
{
	free(trial->values);
	free(trial->result);
	free(trial->after);
	free(trial->factors);
	free(trial->pos);
}

/* head indexes the rotated heads of all tokens of the whole batch. */
static bool head_check(struct trial *trial, int64_t head)
{
	const struct rope_input *in = &trial->input;
	int64_t row = head / in->n_heads, token = row % in->ne[2];
	const float *x =
		trial->values + (row * in->ne[1] + in->first_head + head % in->n_heads) * in->ne[0] + in->first_dim;
	const float *got = trial->result + head * in->n_dims;
	int32_t pos[GGML_MROPE_SECTIONS] = {0};
	for (int64_t stream = 0; stream < rope_n_streams(trial->params.mode); stream++)
		pos[stream] = in->pos[stream * in->ne[2] + token];
	double y[MAX_HEAD], error[MAX_HEAD];
	rope_head_turn(&trial->params, in->type, in->n_dims, x, pos, in->factors, y, error);
	for (int64_t i = 0; i < in->n_dims; i++) {
		double off = fabs(got[i] - y[i]);
		if (!(off <= error[i])) {
			fprintf(stderr,
				"%s, %s: element %lld of head %lld, token %lld at (%d, %d, %d, %d): %.9g instead of "
				"%.9g (+-%.2g)\n",
				trial->c->name, trial->variant, (long long)i, (long long)(head % in->n_heads),
				(long long)row, pos[0], pos[1], pos[2], pos[3], (double)got[i], y[i], error[i]);
			return false;
		}
		if (error[i] > 0)
			trial->worst = fmax(trial->worst, off / error[i]);
	}
	return true;
}

static bool is_rotated(const struct rope_input *in, int64_t dim, int64_t head)
{
	return dim >= in->first_dim && dim < in->first_dim + in->n_dims && head >= in->first_head &&
	       head < in->first_head + in->n_heads;
}

/* The values outside the rotated part are unchanged, bit for bit. */
static bool surroundings_check(const struct trial *trial)
{
	const struct rope_input *in = &trial->input;
	for (int64_t i = 0; i < n_values(trial->c); i++) {
		int64_t dim = i % in->ne[0], head = i / in->ne[0] % in->ne[1];
		if (trial->params.inplace && is_rotated(in, dim, head))
			continue;
		if (trial->after[i] != trial->values[i]) {
			fprintf(stderr, "%s, %s: value %lld of the source became %.9g, it was %.9g\n", trial->c->name,
				trial->variant, (long long)i, (double)trial->after[i], (double)trial->values[i]);
			return false;
		}
	}
	return true;
}

static bool trial_check(struct trial *trial, ggml_backend_t backend)
{
	enum rope_ran ran = rope_device_run(backend, &trial->params, &trial->input, trial->result, trial->after);
	if (ran == ROPE_DECLINED && trial->declinable)
		return true;
	if (ran == ROPE_DECLINED)
		fprintf(stderr, "%s, %s: the device does not support it\n", trial->c->name, trial->variant);
	if (ran == ROPE_RAN && trial->declinable)
		fprintf(stderr, "%s, %s: the device should decline it\n", trial->c->name, trial->variant);
	if (ran != ROPE_RAN || trial->declinable)
		return false;
	bool good = surroundings_check(trial);
	int64_t n_heads = trial->input.n_heads * trial->c->ne[2] * trial->c->ne[3];
	for (int64_t head = 0; head < n_heads && good; head++)
		good = head_check(trial, head);
	return good;
}

static bool variant_check(
	ggml_backend_t backend, const struct rope_case *c, const struct variant *v, bool offsets, double *worst)
{
	struct trial trial;
	bool good = trial_open(&trial, c, v);
	trial.declinable = !offsets && c->params.offset > 0;
	good = good && trial_check(&trial, backend);
	*worst = fmax(*worst, trial.worst);
	trial_close(&trial);
	return good;
}

static bool case_check(ggml_backend_t backend, const struct rope_case *c, bool offsets)
{
	bool good = true;
	double worst[GGML_TYPE_COUNT] = {0};
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		good = variant_check(backend, c, &variants[i], offsets, &worst[variants[i].type]) && good;
	printf("%s  %-28s  error / tolerance: f32 %.2f, f16 %.2f\n", good ? "ok  " : "FAIL", c->name,
		worst[GGML_TYPE_F32], worst[GGML_TYPE_F16]);
	return good;
}

bool rope_cases_check(ggml_backend_t backend, bool offsets)
{
	bool good = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		good = case_check(backend, &cases[i], offsets) && good;
	return good;
}
