/* One RoPE on one device, using only ggml's public API. */
#ifndef TESTS_ROPE_DEVICE_H
#define TESTS_ROPE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>
#include <ggml.h>

/* The parameters of ggml_rope_ext, ggml_rope_multi, their backward counterparts and ggml_rope_set_offset. */
struct rope_params {
	int mode; /* GGML_ROPE_TYPE_... */
	int n_dims;
	int offset;
	int sections[GGML_MROPE_SECTIONS]; /* for MROPE, IMROPE, VISION */
	int n_ctx_orig;
	float freq_base;
	float freq_scale;
	float ext_factor;
	float attn_factor;
	float beta_fast;
	float beta_slow;
	bool backward;
	bool inplace; /* forward only: ggml has no backward RoPE in place */
};

/* A tensor of head x heads x tokens x batch values. The rotated part has n_dims (heads) of each head (token) from
 * first_dim (first_head) on. All other values must stay unchanged. */
struct rope_input {
	enum ggml_type type; /* F32 or F16 */
	int64_t ne[4];
	int64_t first_dim, n_dims;
	int64_t first_head, n_heads;
	const float *values;  /* ne[0] * ne[1] * ne[2] * ne[3] values, representable in type */
	const int32_t *pos;   /* one per token; for modes with sections four per token, stream by stream */
	const float *factors; /* n_factors values, or NULL */
	int64_t n_factors;
};

enum rope_ran {
	ROPE_RAN,
	ROPE_DECLINED, /* the device does not support the operation */
	ROPE_FAILED,   /* failed, with a message on stderr */
};

bool rope_has_sections(int mode);
int64_t rope_n_streams(int mode);

/* Adds the operation to ctx, with these parameters, source x, positions and optional factors. */
struct ggml_tensor *rope_build(struct ggml_context *ctx, const struct rope_params *params, struct ggml_tensor *x,
	struct ggml_tensor *pos, struct ggml_tensor *factors);

/* Rotates on the device and waits. result receives the n_dims x n_heads x tokens x batch rotated values. after receives
 * all values of the tensor after the run. */
enum rope_ran rope_device_run(ggml_backend_t backend, const struct rope_params *params, const struct rope_input *input,
	float *result, float *after);

#endif
