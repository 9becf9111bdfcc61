/* How much memory a device needs for a tensor. */
#ifndef GW_DEVICE_GRAPH_ALLOC_SIZE_H
#define GW_DEVICE_GRAPH_ALLOC_SIZE_H

#include <stddef.h>

#include <ggml-backend.h>

/* Bytes that a tensor takes in buffers of this type: at least ggml_nbytes. ggml's own function of that name aborts for
 * tensors that it does not expect; this one does not. */
size_t gw_alloc_size(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor);

#endif
