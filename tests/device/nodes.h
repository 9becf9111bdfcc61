/* Helpers to build nodes for tests of the rules: a ggml context and its tensors. For inclusion by one test program. */
#ifndef GW_TESTS_SERVER_NODES_H
#define GW_TESTS_SERVER_NODES_H

#include <stdint.h>

#include <ggml.h>

static struct ggml_context *ctx;

/* Creates a context with memory for the descriptions of tensors, and for their data unless no_alloc is set. Returns 0,
 * or -1: cmocka's convention. */
static int nodes_open(size_t size, bool no_alloc)
{
	ctx = ggml_init((struct ggml_init_params){.mem_size = size, .no_alloc = no_alloc});
	return ctx ? 0 : -1;
}

/* A cmocka teardown. */
static int nodes_close(void **state)
{
	(void)state;
	ggml_free(ctx);
	return 0;
}

static struct ggml_tensor *tensor(enum ggml_type type, int64_t a, int64_t b, int64_t c, int64_t d)
{
	return ggml_new_tensor_4d(ctx, type, a, b, c, d);
}

static struct ggml_tensor *f32(int64_t a, int64_t b, int64_t c, int64_t d)
{
	return tensor(GGML_TYPE_F32, a, b, c, d);
}

#endif
