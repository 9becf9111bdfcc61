/* Stands before ggml's header of this name, for all of our sources. One binary runs with every ggml from 0.15 to 0.27,
 * whichever of them it was built with, so
 *  - a call of ggml goes through a table of addresses, which is filled at run time (src/ggml/bind.h);
 *  - constants that moved or came later are those of one numbering: ours. */
#ifndef GW_GGML_INCLUDE_GGML_BACKEND_H
#define GW_GGML_INCLUDE_GGML_BACKEND_H

#include_next <ggml-backend.h>

/* Exported by libggml-base, but declared in private headers only, or not in every release. */
struct ggml_backend_buffer_i;
ggml_backend_buffer_t ggml_backend_buffer_init(
	ggml_backend_buffer_type_t buft, struct ggml_backend_buffer_i iface, void *context, size_t size);
bool ggml_op_alloc_size_may_expand(enum ggml_op op);
ggml_backend_buffer_t ggml_backend_buft_alloc_buffer_n(
	ggml_backend_buffer_type_t buft, struct ggml_tensor **tensors, int n_tensors);
size_t ggml_backend_buft_get_alloc_size_n(ggml_backend_buffer_type_t buft, struct ggml_tensor **tensors, int n_tensors);
struct ggml_tensor *ggml_swiglu_clamp(
	struct ggml_context *ctx, struct ggml_tensor *a, struct ggml_tensor *b, float limit);

#include "ggml/calls.h"
#include "ggml/constants.h"

#endif
