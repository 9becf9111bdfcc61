#include "backend/scene.h"

#include <stdlib.h>

#include <ggml-alloc.h>

struct ggml_context *scene_context(size_t n_tensors, size_t n_nodes)
{
	struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * n_tensors + ggml_graph_overhead_custom(n_nodes, false),
		.no_alloc = true,
	};
	return ggml_init(params);
}

void scene_open(struct scene *s)
{
	s->dev = fake_device(&s->fake);
	s->backend = s->dev ? ggml_backend_dev_init(s->dev, NULL) : NULL;
	if (!s->backend)
		abort();
	s->ctx = scene_context(32, 16);
	s->a = ggml_new_tensor_1d(s->ctx, GGML_TYPE_F32, 8);
	s->b = ggml_new_tensor_1d(s->ctx, GGML_TYPE_F32, 8);
	s->sum = ggml_add(s->ctx, s->a, s->b);
	s->graph = ggml_new_graph_custom(s->ctx, 16, false);
	ggml_build_forward_expand(s->graph, s->sum);
	s->buffer = ggml_backend_alloc_ctx_tensors(s->ctx, s->backend);
	s->loose = ggml_add(s->ctx, s->a, s->b);
}

void scene_close(struct scene *s)
{
	if (s->buffer)
		ggml_backend_buffer_free(s->buffer);
	if (s->backend)
		ggml_backend_free(s->backend);
	if (s->ctx)
		ggml_free(s->ctx);
	fake_free(&s->fake);
}

void scene_set_uid(struct scene *s, uint64_t uid)
{
	s->graph->uid = uid;
}
