#include "reference.h"

#include <math.h>

/* Unit roundoff: half the distance from 1 to the next number. */
#define ROUND_F32 0x1p-24
#define ROUND_F16 0x1p-11
#define SUBNORMAL_F16 0x1p-25

#define PI 3.14159265358979323846

int rope_n_pairs(const struct rope_params *params, int64_t head)
{
	return params->mode == GGML_ROPE_TYPE_VISION ? (int)(head / 2) : params->n_dims / 2;
}

/* Sections follow each other. index counts pairs and starts at 0 again after the last section. */
static int section_of(const int sections[GGML_MROPE_SECTIONS], int index, int *within)
{
	int total = sections[0] + sections[1] + sections[2] + sections[3];
	*within = index % total;
	int section = 0;
	while (section < GGML_MROPE_SECTIONS - 1 && *within >= sections[section])
		*within -= sections[section++];
	return section;
}

/* Streams 0, 1, 2 alternate, each until its section is full; the remaining pairs use stream 3. */
static int interleaved_stream(const int sections[GGML_MROPE_SECTIONS], int index)
{
	int stream = index % 3;
	return index / 3 < sections[stream] ? stream : 3;
}

struct rope_pair rope_pair_at(const struct rope_params *params, int64_t head, int index)
{
	int within;
	struct rope_pair pair = {
		.x = params->offset + index,
		.y = params->offset + index + params->n_dims / 2,
		.index = index,
		.exponent = index,
	};
	switch (params->mode) {
	case GGML_ROPE_TYPE_NORMAL:
		pair.x = params->offset + 2 * index;
		pair.y = pair.x + 1;
		break;
	case GGML_ROPE_TYPE_MROPE:
		pair.stream = section_of(params->sections, index, &within);
		break;
	case GGML_ROPE_TYPE_IMROPE:
		pair.stream = interleaved_stream(params->sections, index);
		break;
	case GGML_ROPE_TYPE_VISION:
		pair.y = index + head / 2;
		pair.stream = section_of(params->sections, index, &pair.exponent);
		break;
	}
	return pair;
}

/* YaRN: the exponent at which a wave turns this many times within the context of the model's training. */
static double exponent_of_turns(const struct rope_params *params, double turns)
{
	double base = params->freq_base;
	return params->n_dims * log(params->n_ctx_orig / (2 * PI * turns)) / (2 * log(base));
}

/* YaRN: 1 for fast waves, which keep their frequency, 0 for slow waves, whose positions are scaled. ggml counts pairs
 * here, even for VISION, whose exponents start again with each section. */
static double fast_share(const struct rope_params *params, int index)
{
	double low = fmax(0, floor(exponent_of_turns(params, params->beta_fast)));
	double high = fmin(params->n_dims - 1, ceil(exponent_of_turns(params, params->beta_slow)));
	return 1 - fmin(1, fmax(0, (index - low) / fmax(0.001, high - low)));
}

/* A device computes freq_base^(-2 e / n_dims) by e multiplications with a rounded power of freq_base, whose exponent is
 * rounded, too: each step adds a proportional error. */
static double frequency_error(const struct rope_params *params, int exponent)
{
	double base = params->freq_base;
	double step = 3 + 2 * log(base) / params->n_dims;
	return (exponent * step + 8) * ROUND_F32;
}

struct rope_turn rope_turn_at(
	const struct rope_params *params, const struct rope_pair *pair, int32_t pos, const float *factors)
{
	double theta = pos * pow(params->freq_base, -2.0 * pair->exponent / params->n_dims);
	if (factors)
		theta /= factors[pair->index];
	double scaled = theta * params->freq_scale;
	struct rope_turn turn = {.angle = scaled, .scale = params->attn_factor};
	if (params->ext_factor != 0) {
		double keep = fast_share(params, pair->index) * params->ext_factor;
		turn.angle = scaled * (1 - keep) + theta * keep;
		turn.scale *= 1 - 0.1 * log((double)params->freq_scale);
	}
	double largest = params->ext_factor != 0 ? fmax(fabs(theta), fabs(scaled)) : fabs(scaled);
	turn.angle_error = largest * frequency_error(params, pair->exponent);
	if (params->backward)
		turn.angle = -turn.angle;
	return turn;
}

/* Four roundings in the sine, the cosine and their scale, and four in the products and their sum. */
static double value_error(enum ggml_type type, const struct rope_turn *turn, double length, double value)
{
	double error = fabs(turn->scale) * length * (turn->angle_error + 8 * ROUND_F32);
	return type == GGML_TYPE_F16 ? error + fabs(value) * ROUND_F16 + SUBNORMAL_F16 : error;
}

void rope_head_turn(const struct rope_params *params, enum ggml_type type, int64_t n, const float *x,
	const int32_t pos[GGML_MROPE_SECTIONS], const float *factors, double *y, double *error)
{
	for (int64_t i = 0; i < n; i++) {
		y[i] = x[i];
		error[i] = 0;
	}
	for (int index = 0; index < rope_n_pairs(params, n); index++) {
		struct rope_pair pair = rope_pair_at(params, n, index);
		struct rope_turn turn = rope_turn_at(params, &pair, pos[pair.stream], factors);
		double a = x[pair.x], b = x[pair.y], length = fabs(a) + fabs(b);
		y[pair.x] = turn.scale * (a * cos(turn.angle) - b * sin(turn.angle));
		y[pair.y] = turn.scale * (a * sin(turn.angle) + b * cos(turn.angle));
		error[pair.x] = value_error(type, &turn, length, y[pair.x]);
		error[pair.y] = value_error(type, &turn, length, y[pair.y]);
	}
}
