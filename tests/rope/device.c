#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-alloc.h>

#define CONTEXT_BYTES ((size_t)64 * 1024)
#define GRAPH_NODES 8

/* The tensors of one run. One buffer of the device holds them all. */
struct run {
	struct ggml_context *ctx;
	ggml_backend_buffer_t buffer;
	bool declined; /* determined before the memory is allocated: supports_op always says yes afterwards */
	struct ggml_tensor *whole, *pos, *factors, *out;
};

bool rope_has_sections(int mode)
{
	return mode == GGML_ROPE_TYPE_MROPE || mode == GGML_ROPE_TYPE_IMROPE || mode == GGML_ROPE_TYPE_VISION;
}

int64_t rope_n_streams(int mode)
{
	return rope_has_sections(mode) ? GGML_MROPE_SECTIONS : 1;
}

static struct ggml_tensor *plain_build(struct ggml_context *ctx, const struct rope_params *p, struct ggml_tensor *x,
	struct ggml_tensor *pos, struct ggml_tensor *factors)
{
	struct ggml_tensor *(*build)(struct ggml_context *, struct ggml_tensor *, struct ggml_tensor *,
		struct ggml_tensor *, int, int, int, float, float, float, float, float, float) =
		p->backward  ? ggml_rope_ext_back
		: p->inplace ? ggml_rope_ext_inplace
			     : ggml_rope_ext;
	return build(ctx, x, pos, factors, p->n_dims, p->mode, p->n_ctx_orig, p->freq_base, p->freq_scale,
		p->ext_factor, p->attn_factor, p->beta_fast, p->beta_slow);
}

static struct ggml_tensor *multi_build(struct ggml_context *ctx, const struct rope_params *p, struct ggml_tensor *x,
	struct ggml_tensor *pos, struct ggml_tensor *factors)
{
	struct ggml_tensor *(*build)(struct ggml_context *, struct ggml_tensor *, struct ggml_tensor *,
		struct ggml_tensor *, int, int *, int, int, float, float, float, float, float, float) =
		p->backward  ? ggml_rope_multi_back
		: p->inplace ? ggml_rope_multi_inplace
			     : ggml_rope_multi;
	int sections[GGML_MROPE_SECTIONS];
	memcpy(sections, p->sections, sizeof(sections));
	return build(ctx, x, pos, factors, p->n_dims, sections, p->mode, p->n_ctx_orig, p->freq_base, p->freq_scale,
		p->ext_factor, p->attn_factor, p->beta_fast, p->beta_slow);
}

struct ggml_tensor *rope_build(struct ggml_context *ctx, const struct rope_params *params, struct ggml_tensor *x,
	struct ggml_tensor *pos, struct ggml_tensor *factors)
{
	struct ggml_tensor *out = rope_has_sections(params->mode) ? multi_build(ctx, params, x, pos, factors)
								  : plain_build(ctx, params, x, pos, factors);
	return params->offset ? ggml_rope_set_offset(out, params->offset) : out;
}

static struct ggml_tensor *part_build(struct ggml_context *ctx, const struct rope_input *in, struct ggml_tensor *whole)
{
	if (in->n_dims == in->ne[0] && in->n_heads == in->ne[1])
		return whole;
	size_t at = (size_t)in->first_dim * whole->nb[0] + (size_t)in->first_head * whole->nb[1];
	return ggml_view_4d(ctx, whole, in->n_dims, in->n_heads, in->ne[2], in->ne[3], whole->nb[1], whole->nb[2],
		whole->nb[3], at);
}

static void tensors_build(struct run *run, const struct rope_params *params, const struct rope_input *in)
{
	run->whole = ggml_new_tensor(run->ctx, in->type, 4, in->ne);
	run->pos = ggml_new_tensor_1d(run->ctx, GGML_TYPE_I32, in->ne[2] * rope_n_streams(params->mode));
	run->factors = in->factors ? ggml_new_tensor_1d(run->ctx, GGML_TYPE_F32, in->n_factors) : NULL;
	run->out = rope_build(run->ctx, params, part_build(run->ctx, in, run->whole), run->pos, run->factors);
}

static bool run_open(
	struct run *run, ggml_backend_t backend, const struct rope_params *params, const struct rope_input *in)
{
	*run = (struct run){.ctx = ggml_init((struct ggml_init_params){.mem_size = CONTEXT_BYTES, .no_alloc = true})};
	if (!run->ctx)
		return false;
	tensors_build(run, params, in);
	run->declined = !ggml_backend_supports_op(backend, run->out);
	run->buffer = ggml_backend_alloc_ctx_tensors(run->ctx, backend);
	return run->buffer != NULL;
}

static void run_close(struct run *run)
{
	ggml_backend_buffer_free(run->buffer);
	ggml_free(run->ctx);
}

static bool values_put(struct ggml_tensor *tensor, const float *values)
{
	int64_t n = ggml_nelements(tensor);
	if (tensor->type == GGML_TYPE_F32) {
		ggml_backend_tensor_set(tensor, values, 0, ggml_nbytes(tensor));
		return true;
	}
	ggml_fp16_t *half = malloc(ggml_nbytes(tensor));
	if (!half)
		return false;
	ggml_fp32_to_fp16_row(values, half, n);
	ggml_backend_tensor_set(tensor, half, 0, ggml_nbytes(tensor));
	free(half);
	return true;
}

/* tensor is contiguous. */
static bool values_take(const struct ggml_tensor *tensor, float *values)
{
	int64_t n = ggml_nelements(tensor);
	if (tensor->type == GGML_TYPE_F32) {
		ggml_backend_tensor_get(tensor, values, 0, ggml_nbytes(tensor));
		return true;
	}
	ggml_fp16_t *half = malloc(ggml_nbytes(tensor));
	if (!half)
		return false;
	ggml_backend_tensor_get(tensor, half, 0, ggml_nbytes(tensor));
	ggml_fp16_to_fp32_row(half, values, n);
	free(half);
	return true;
}

/* Extracts the rotated part from the whole tensor, for a rotation in place. */
static void part_take(const struct rope_input *in, const float *whole, float *result)
{
	for (int64_t row = 0; row < in->ne[2] * in->ne[3]; row++) {
		for (int64_t head = 0; head < in->n_heads; head++) {
			int64_t from = (row * in->ne[1] + in->first_head + head) * in->ne[0] + in->first_dim;
			memcpy(result, whole + from, (size_t)in->n_dims * sizeof(*result));
			result += in->n_dims;
		}
	}
}

static enum rope_ran run_compute(struct run *run, ggml_backend_t backend)
{
	if (run->declined)
		return ROPE_DECLINED;
	struct ggml_cgraph *graph = ggml_new_graph_custom(run->ctx, GRAPH_NODES, false);
	ggml_build_forward_expand(graph, run->out);
	enum ggml_status status = ggml_backend_graph_compute(backend, graph);
	if (status == GGML_STATUS_SUCCESS)
		return ROPE_RAN;
	fprintf(stderr, "the device failed to compute: %s\n", ggml_status_to_string(status));
	return ROPE_FAILED;
}

enum rope_ran rope_device_run(ggml_backend_t backend, const struct rope_params *params, const struct rope_input *input,
	float *result, float *after)
{
	struct run run;
	enum rope_ran ran = ROPE_FAILED;
	if (!run_open(&run, backend, params, input)) {
		fprintf(stderr, "no memory for the tensors on the device\n");
		goto close;
	}
	if (!values_put(run.whole, input->values))
		goto close;
	ggml_backend_tensor_set(run.pos, input->pos, 0, ggml_nbytes(run.pos));
	if (run.factors)
		ggml_backend_tensor_set(run.factors, input->factors, 0, ggml_nbytes(run.factors));
	ran = run_compute(&run, backend);
	if (ran != ROPE_RAN)
		goto close;
	if (!values_take(run.whole, after) || (!params->inplace && !values_take(run.out, result)))
		ran = ROPE_FAILED;
	else if (params->inplace)
		part_take(input, after, result);
close:
	run_close(&run);
	return ran;
}
