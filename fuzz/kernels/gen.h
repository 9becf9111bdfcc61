/* Choices, and the tensors built from them. The stream of choices determines the whole case: random numbers from a
 * seed, or a fuzzer's bytes followed by zeros. */
#ifndef GW_FUZZ_KERNELS_GEN_H
#define GW_FUZZ_KERNELS_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml.h>

struct gen {
	uint64_t state; /* of the random generator */
	const uint8_t *bytes;
	size_t n_bytes; /* if bytes is set */
	struct ggml_context *ctx;
};

void gen_seed(struct gen *g, uint64_t seed, uint64_t number);
void gen_bytes(struct gen *g, const uint8_t *bytes, size_t n);

/* Returns 0 to n - 1. */
uint32_t gen_below(struct gen *g, uint32_t n);

/* Returns true in one of n calls. */
bool gen_once_in(struct gen *g, uint32_t n);

/* An extent: usually small, sometimes more than the width of vector units. */
int64_t gen_extent(struct gen *g);

/* One of the types in a non-empty bit set. */
enum ggml_type gen_type(struct gen *g, uint64_t types);

float gen_float(struct gen *g);

/* A new tensor. The first extent is rounded up to whole blocks. */
struct ggml_tensor *gen_tensor(struct gen *g, enum ggml_type type, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3);

/* The same with F32 and any extents. */
struct ggml_tensor *gen_f32(struct gen *g, int64_t ne0, int64_t ne1, int64_t ne2, int64_t ne3);
struct ggml_tensor *gen_any(struct gen *g, enum ggml_type type);

/* A tensor with t's type and extents. */
struct ggml_tensor *gen_like(struct gen *g, const struct ggml_tensor *t);

#endif
