#include "ggml/graph.h"

static bool slot_used(const struct ggml_hash_set *set, size_t slot)
{
	return set->used[slot / 32] >> (slot % 32) & 1;
}

/* The first slot of tensor's probe sequence that holds it or is free, or GW_GRAPH_NO_SLOT. */
static size_t probe(const struct ggml_hash_set *set, const struct ggml_tensor *tensor)
{
	if (set->size == 0 || !set->used || !set->keys)
		return GW_GRAPH_NO_SLOT;
	size_t first = ((uintptr_t)tensor >> 4) % set->size;
	size_t slot = first;
	do {
		if (!slot_used(set, slot) || set->keys[slot] == tensor)
			return slot;
		slot = slot + 1 == set->size ? 0 : slot + 1;
	} while (slot != first);
	return GW_GRAPH_NO_SLOT;
}

size_t gw_graph_slot(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor)
{
	size_t slot = probe(&graph->visited_hash_set, tensor);
	return slot != GW_GRAPH_NO_SLOT && slot_used(&graph->visited_hash_set, slot) ? slot : GW_GRAPH_NO_SLOT;
}

size_t gw_graph_free_slot(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor)
{
	size_t slot = probe(&graph->visited_hash_set, tensor);
	return slot != GW_GRAPH_NO_SLOT && !slot_used(&graph->visited_hash_set, slot) ? slot : GW_GRAPH_NO_SLOT;
}

void gw_graph_take_slot(struct ggml_cgraph *graph, size_t slot, struct ggml_tensor *tensor)
{
	struct ggml_hash_set *set = &graph->visited_hash_set;

	set->used[slot / 32] |= UINT32_C(1) << (slot % 32);
	set->keys[slot] = tensor;
}
