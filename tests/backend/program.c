#include "backend/program.h"

#include <stdlib.h>
#include <string.h>

#include <ggml-alloc.h>

#include "base/log.h"

#define WIDTH 64 /* of a row: no multiple of 512, so that devices may want padding */
#define VOCAB 96
#define EXPERTS 4
#define CELLS 128 /* of the KV cache */
#define LAYERS 24
#define N_TENSORS 256
#define MAX_DEVICES 4

enum choice {
	OFFLOAD = 1 << 0,    /* the scheduler may move operations to the device */
	PARALLEL = 1 << 1,   /* copies the inputs and uses events */
	ON_SECOND = 1 << 2,  /* places the cache on another device than the weights */
	NO_RESERVE = 1 << 3, /* does not reserve memory before the first graph */
	NO_WEIGHTS = 1 << 4, /* does not mark buffers as weights */
	EXPANDING = 1 << 5,  /* uses operations for which devices may want more memory */
	DEEP = 1 << 6,       /* uses many layers and keeps all results */
};

struct program {
	unsigned choices;
	ggml_backend_dev_t devices[MAX_DEVICES];
	size_t n_devices;
	ggml_backend_t backends[MAX_DEVICES + 1];
	size_t n_backends;
	struct ggml_context *weights, *cache;
	ggml_backend_buffer_t weight_buffer, cache_buffer;
	struct ggml_tensor *embedding, *query, *bias, *experts, *keys, *values;
	ggml_backend_sched_t sched;
};

static struct ggml_context *new_context(void)
{
	const struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * N_TENSORS + ggml_graph_overhead_custom(N_TENSORS, false),
		.no_alloc = true};
	return ggml_init(params);
}

static bool open_backends(struct program *p)
{
	for (size_t i = 0; i < p->n_devices; i++) {
		struct ggml_backend_dev_props props;
		ggml_backend_dev_get_props(p->devices[i], &props);
		ggml_backend_t backend = ggml_backend_dev_init(p->devices[i], NULL);
		if (!backend)
			return false;
		p->backends[p->n_backends++] = backend;
	}
	p->backends[p->n_backends++] = ggml_backend_dev_init(program_cpu(), NULL);
	return true;
}

static void fill(struct ggml_tensor *t)
{
	size_t size = ggml_nbytes(t);
	uint8_t *zeros = calloc(1, size);

	ggml_backend_tensor_set(t, zeros, 0, size);
	ggml_backend_tensor_set(t, zeros, size / 2, size - size / 2);
	free(zeros);
}

static bool load_weights(struct program *p)
{
	ggml_backend_buffer_type_t buft = ggml_backend_dev_buffer_type(p->devices[0]);

	p->weights = new_context();
	p->embedding = ggml_new_tensor_2d(p->weights, GGML_TYPE_F16, WIDTH, VOCAB);
	p->query = ggml_new_tensor_2d(p->weights, GGML_TYPE_Q8_0, WIDTH, WIDTH);
	p->experts = ggml_new_tensor_3d(p->weights, GGML_TYPE_Q4_0, WIDTH, WIDTH, EXPERTS);
	p->bias = ggml_new_tensor_1d(p->weights, GGML_TYPE_F32, WIDTH);
	p->weight_buffer = ggml_backend_alloc_ctx_tensors_from_buft(p->weights, buft);
	if (!p->weight_buffer)
		return false;
	if (!(p->choices & NO_WEIGHTS))
		ggml_backend_buffer_set_usage(p->weight_buffer, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	fill(p->embedding);
	fill(p->query);
	fill(p->experts);
	fill(p->bias);
	return true;
}

static bool make_cache(struct program *p)
{
	size_t device = p->choices & ON_SECOND && p->n_devices > 1 ? 1 : 0;

	p->cache = new_context();
	p->keys = ggml_new_tensor_2d(p->cache, GGML_TYPE_F16, WIDTH, CELLS);
	p->values = ggml_new_tensor_2d(p->cache, GGML_TYPE_F16, WIDTH, CELLS);
	p->cache_buffer =
		ggml_backend_alloc_ctx_tensors_from_buft(p->cache, ggml_backend_dev_buffer_type(p->devices[device]));
	if (!p->cache_buffer)
		return false;
	ggml_backend_buffer_clear(p->cache_buffer, 0);
	return true;
}

/* A graph for n tokens, which follow those in the cache. */
struct step {
	struct ggml_context *ctx;
	struct ggml_cgraph *graph;
	struct ggml_tensor *tokens, *rows, *mask, *chosen, *out;
	int64_t n;
};

static struct ggml_tensor *input(struct ggml_tensor *t)
{
	ggml_set_input(t);
	return t;
}

static struct ggml_tensor *attend(struct program *p, struct step *s, struct ggml_tensor *x)
{
	struct ggml_context *ctx = s->ctx;
	struct ggml_tensor *q = ggml_mul_mat(ctx, p->query, x);
	struct ggml_tensor *k = ggml_view_2d(ctx, p->keys, WIDTH, s->n, p->keys->nb[1], p->keys->nb[1] * 3);

	/* These write to memory that is already on the device. */
	ggml_build_forward_expand(s->graph, ggml_cpy(ctx, q, k));
	ggml_build_forward_expand(s->graph, ggml_set_rows(ctx, p->values, q, s->rows));
	q = ggml_reshape_3d(ctx, q, WIDTH, s->n, 1);
	k = ggml_view_3d(ctx, p->keys, WIDTH, CELLS, 1, p->keys->nb[1], p->keys->nb[1] * CELLS, 0);
	struct ggml_tensor *v =
		ggml_view_3d(ctx, p->values, WIDTH, CELLS, 1, p->values->nb[1], p->values->nb[1] * CELLS, 0);
	if (p->choices & EXPANDING)
		return ggml_reshape_2d(ctx, ggml_flash_attn_ext(ctx, q, k, v, s->mask, 0.125F, 0, 0), WIDTH, s->n);
	struct ggml_tensor *scores = ggml_soft_max(ctx, ggml_mul_mat(ctx, k, q));
	v = ggml_cont(ctx, ggml_transpose(ctx, ggml_cast(ctx, v, GGML_TYPE_F32)));
	return ggml_reshape_2d(ctx, ggml_mul_mat(ctx, v, scores), WIDTH, s->n);
}

static struct ggml_tensor *expand(struct program *p, struct step *s, struct ggml_tensor *x)
{
	struct ggml_context *ctx = s->ctx;

	x = ggml_mul_mat_id(ctx, p->experts, ggml_reshape_3d(ctx, x, WIDTH, 1, s->n), s->chosen);
	x = ggml_sum_rows(ctx, ggml_cont(ctx, ggml_permute(ctx, x, 1, 0, 2, 3)));
	x = ggml_reshape_2d(ctx, x, WIDTH, s->n);
	ggml_build_forward_expand(s->graph, ggml_argsort(ctx, x, GGML_SORT_ORDER_ASC));
	return ggml_cumsum(ctx, x);
}

static void build(struct program *p, struct step *s, int64_t n)
{
	struct ggml_context *ctx = s->ctx = new_context();

	s->n = n;
	s->graph = ggml_new_graph_custom(ctx, N_TENSORS, false);
	s->tokens = input(ggml_new_tensor_1d(ctx, GGML_TYPE_I32, n));
	s->rows = input(ggml_new_tensor_1d(ctx, GGML_TYPE_I64, n));
	s->mask = input(ggml_new_tensor_2d(ctx, GGML_TYPE_F16, CELLS, 64));
	s->chosen = input(ggml_new_tensor_2d(ctx, GGML_TYPE_I32, 2, n));
	struct ggml_tensor *x = ggml_get_rows(ctx, p->embedding, s->tokens);
	x = ggml_add(ctx, ggml_rms_norm(ctx, x, 1e-6F), p->bias);
	x = ggml_add(ctx, x, attend(p, s, x));
	if (p->choices & EXPANDING)
		x = expand(p, s, x);
	for (int i = 0; p->choices & DEEP && i < LAYERS; i++) {
		x = ggml_add(ctx, x, ggml_mul_mat(ctx, p->query, x));
		/* Outputs need separate memory. */
		ggml_set_output(x->src[1]);
	}
	s->out = ggml_scale(ctx, ggml_mul_mat(ctx, p->embedding, x), 2.0F);
	ggml_set_output(s->out);
	ggml_build_forward_expand(s->graph, s->out);
}

static void set_input(struct ggml_tensor *t)
{
	static const uint8_t zeros[CELLS * 64 * 2];

	if (t->buffer && t->data)
		ggml_backend_tensor_set(t, zeros, 0, ggml_nbytes(t));
}

static bool step(struct program *p, int64_t n)
{
	struct step s;
	float out[VOCAB];

	build(p, &s, n);
	ggml_backend_sched_reset(p->sched);
	bool ok = ggml_backend_sched_alloc_graph(p->sched, s.graph);
	if (ok) {
		set_input(s.tokens);
		set_input(s.rows);
		set_input(s.mask);
		set_input(s.chosen);
		ok = ggml_backend_sched_graph_compute_async(p->sched, s.graph) == GGML_STATUS_SUCCESS;
		ggml_backend_t backend = ggml_backend_sched_get_tensor_backend(p->sched, s.out);
		if (backend)
			ggml_backend_tensor_get_async(backend, s.out, out, 0, sizeof(out));
		ggml_backend_sched_synchronize(p->sched);
		ggml_backend_tensor_get(s.out, out, 0, sizeof(out));
	}
	ggml_free(s.ctx);
	return ok;
}

static bool compute(struct program *p)
{
	struct step s;

	p->sched = ggml_backend_sched_new(
		p->backends, NULL, (int)p->n_backends, N_TENSORS, p->choices & PARALLEL, (p->choices & OFFLOAD) != 0);
	bool ok = true;
	if (!(p->choices & NO_RESERVE)) {
		build(p, &s, 16);
		ok = ggml_backend_sched_reserve(p->sched, s.graph);
		ggml_free(s.ctx);
	}
	for (int i = 0; ok && i < 3; i++)
		ok = step(p, i == 1 ? 7 : 1 + 20 * i);
	return ok;
}

static void close_program(struct program *p)
{
	ggml_backend_sched_free(p->sched);
	if (p->weight_buffer)
		ggml_backend_buffer_free(p->weight_buffer);
	if (p->cache_buffer)
		ggml_backend_buffer_free(p->cache_buffer);
	ggml_free(p->weights);
	ggml_free(p->cache);
	for (size_t i = 0; i < p->n_backends; i++)
		ggml_backend_free(p->backends[i]);
}

bool program_run(ggml_backend_dev_t *devices, size_t n_devices, unsigned choices)
{
	struct program p = {.choices = choices, .n_devices = n_devices < MAX_DEVICES ? n_devices : MAX_DEVICES};

	memcpy(p.devices, devices, p.n_devices * sizeof(*devices));
	bool ok = open_backends(&p) && load_weights(&p) && make_cache(&p) && compute(&p);
	close_program(&p);
	return ok;
}

static void discard(enum gw_log_level level, const char *line, void *user)
{
	(void)level;
	(void)line;
	(void)user;
}

static void discard_ggml(enum ggml_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

void program_hush(void)
{
	gw_log_set_sink(discard, NULL);
	ggml_log_set(discard_ggml, NULL);
}
