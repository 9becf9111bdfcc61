/* A graph's hash set. */
#ifndef GW_GGML_GRAPH_H
#define GW_GGML_GRAPH_H

#include <stddef.h>

#include "ggml/layout.h"

#define GW_GRAPH_NO_SLOT SIZE_MAX

/* The slot of tensor in the hash set, or GW_GRAPH_NO_SLOT. The layout must be known to be right. */
size_t gw_graph_slot(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor);

/* The slot where tensor would be entered, or GW_GRAPH_NO_SLOT if it is there or if the set is full. */
size_t gw_graph_free_slot(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor);

/* Enters tensor in a slot that gw_graph_free_slot gave. */
void gw_graph_take_slot(struct ggml_cgraph *graph, size_t slot, struct ggml_tensor *tensor);

#endif
