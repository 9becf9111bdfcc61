/* What most tests need: a fake's device, a backend on it, and tensors in one of its buffers. */
#ifndef GW_TESTS_BACKEND_SCENE_H
#define GW_TESTS_BACKEND_SCENE_H

#include "backend/fake.h"

struct scene {
	struct fake fake;
	ggml_backend_dev_t dev;
	ggml_backend_t backend;
	struct ggml_context *ctx;
	ggml_backend_buffer_t buffer; /* holds a, b and sum */
	struct ggml_tensor *a, *b;    /* F32, 8 elements */
	struct ggml_tensor *sum;      /* a + b */
	struct ggml_tensor *loose;    /* a + b without memory: a scheduler may place it anywhere */
	struct ggml_cgraph *graph;    /* computes sum */
};

/* Connects to s->fake, which the caller has set up, and fills in the rest. */
void scene_open(struct scene *s);

/* Frees everything and ends the fake. */
void scene_close(struct scene *s);

/* A context for descriptions only. */
struct ggml_context *scene_context(size_t n_tensors, size_t n_nodes);

/* Gives the graph a uid. */
void scene_set_uid(struct scene *s, uint64_t uid);

#endif
