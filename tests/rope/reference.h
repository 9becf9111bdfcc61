/* RoPE in double precision, from its definition. */
#ifndef TESTS_ROPE_REFERENCE_H
#define TESTS_ROPE_REFERENCE_H

#include <stdint.h>

#include "device.h"

/* Two elements of a head that rotate together: (x, y) -> scale * (x cos - y sin, x sin + y cos). */
struct rope_pair {
	int64_t x, y;
	int index;    /* index of the pair in the whole rotated range: selects the frequency factor */
	int exponent; /* e of theta = pos * freq_base^(-2 e / n_dims) */
	int stream;   /* position stream */
};

struct rope_turn {
	double angle;       /* radians */
	double scale;       /* scales the length */
	double angle_error; /* bound on the angle's error in single precision */
};

/* 0 <= index < rope_n_pairs(). */
int rope_n_pairs(const struct rope_params *params, int64_t head);
struct rope_pair rope_pair_at(const struct rope_params *params, int64_t head, int index);

/* factors may be NULL. */
struct rope_turn rope_turn_at(
	const struct rope_params *params, const struct rope_pair *pair, int32_t pos, const float *factors);

/* Rotates one head of n values from x to y. pos has one position per stream. error receives, for each value, the
 * largest allowed difference for a device that computes in single precision and stores the result in type. */
void rope_head_turn(const struct rope_params *params, enum ggml_type type, int64_t n, const float *x,
	const int32_t pos[GGML_MROPE_SECTIONS], const float *factors, double *y, double *error);

#endif
