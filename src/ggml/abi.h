/* The check, at load, that the running ggml has the private layout that this build declares (ggml/layout.h). */
#ifndef GW_GGML_ABI_H
#define GW_GGML_ABI_H

#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>
#include <ggml.h>

#include "base/status.h"
#include "ggml/abi_check.h"

/* Runs the self-check once for the process and returns the same result ever after. NULL: this ggml's layout is not one
 * that we know; *err says what differed, with ggml's version. Thread-safe. */
const struct gw_abi *gw_abi_get(struct gw_error *err);

/* The graph's uid, or 0 where it cannot be read. */
uint64_t gw_abi_graph_uid(const struct ggml_cgraph *graph);

/* How many nodes of graph use tensor, or 0 where that cannot be read. */
int32_t gw_abi_graph_use_count(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor);

/* Enters tensor with a use count into the hash set of a graph that was made by ggml_new_graph_custom. False if it is
 * there already, if the set is full, or if the layout is not known. */
bool gw_abi_graph_set_use_count(struct ggml_cgraph *graph, struct ggml_tensor *tensor, int32_t use_count);

/* Whether the buffer type answers ggml_nbytes for every tensor (no get_alloc_size of its own). False if unknown. */
bool gw_abi_buft_plain_alloc(ggml_backend_buffer_type_t buft);

/* Whether buffers like this one have no init_tensor of their own. False if unknown. */
bool gw_abi_buffer_no_init(ggml_backend_buffer_t buffer);

/* An address within the code of the device's backend, or NULL if unknown. */
const void *gw_abi_device_code(ggml_backend_dev_t dev);

/* Describes the nodes from `begin` to `end` - 1 of graph as a graph of its own, which shares graph's memory and has no
 * uid. False if the layout is not known. */
bool gw_abi_graph_part(const struct ggml_cgraph *graph, int begin, int end, struct ggml_cgraph *part);

#endif
