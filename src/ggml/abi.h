/* The check, at load, that the running ggml has the private layout that this build declares (ggml/layout.h). */
#ifndef GW_GGML_ABI_H
#define GW_GGML_ABI_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>
#include <ggml.h>

#include "base/status.h"
#include "ggml/abi_check.h"

/* Runs the self-check at the first call; later calls return the same result. NULL: the layout of this ggml is unknown;
 * *err says what differed, and ggml's version. Thread-safe. */
const struct gw_abi *gw_abi_get(struct gw_error *err);

/* The graph's uid, or 0 where it cannot be read. */
uint64_t gw_abi_graph_uid(const struct ggml_cgraph *graph);

/* How many nodes of graph use tensor, or 0 where that cannot be read. */
int32_t gw_abi_graph_use_count(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor);

/* Adds tensor with its use count to the hash set of a graph made by ggml_new_graph_custom. False if it is already
 * there, if the set is full, or if the layout is unknown. */
bool gw_abi_graph_set_use_count(struct ggml_cgraph *graph, struct ggml_tensor *tensor, int32_t use_count);

/* Whether the buffer type allocates exactly ggml_nbytes for every tensor, because it has no get_alloc_size. False if
 * unknown. */
bool gw_abi_buft_plain_alloc(ggml_backend_buffer_type_t buft);

/* Whether buffers like this one have no init_tensor of their own. False if unknown. */
bool gw_abi_buffer_no_init(ggml_backend_buffer_t buffer);

/* An address within the code of the device's backend, or NULL if unknown. */
const void *gw_abi_device_code(ggml_backend_dev_t dev);

/* Makes a graph of the nodes `begin` to `end` - 1 of graph, which shares graph's memory and has no uid. False if the
 * layout is unknown. */
bool gw_abi_graph_part(const struct ggml_cgraph *graph, int begin, int end, struct ggml_cgraph *part);

#endif
