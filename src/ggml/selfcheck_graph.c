#include "ggml/graph.h"
#include "ggml/layout.h"
#include "ggml/selfcheck.h"

/* Bytes from the start of the struct to the node array, which in memory follows it at once. */
static size_t struct_size(struct ggml_cgraph *graph)
{
	return (size_t)((char *)ggml_graph_nodes(graph) - (char *)graph);
}

static bool used_times(const struct ggml_cgraph *graph, const struct ggml_tensor *tensor, int32_t times)
{
	size_t slot = gw_graph_slot(graph, tensor);
	return slot != GW_GRAPH_NO_SLOT && graph->use_counts[slot] == times;
}

static void check_graph(struct ggml_context *ctx, struct gw_abi *abi)
{
	struct ggml_cgraph *graph = ggml_new_graph_custom(ctx, 8, false);
	struct ggml_tensor *a = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *b = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, 4);
	struct ggml_tensor *sum = ggml_add(ctx, a, b);
	size_t size = struct_size(graph);
	bool with_uid = size == sizeof(struct ggml_cgraph);

	if (!with_uid && size != offsetof(struct ggml_cgraph, uid))
		return;
	ggml_build_forward_expand(graph, sum);
	if (graph->size != ggml_graph_size(graph) || graph->n_nodes != 1 || graph->n_leafs != 2 ||
		graph->nodes != ggml_graph_nodes(graph) || graph->visited_hash_set.size < 3)
		return;
	abi->graph_private = used_times(graph, a, 1) && used_times(graph, b, 1) && used_times(graph, sum, 0);
	abi->graph_uid = abi->graph_private && with_uid && graph->uid == 0;
}

void gw_selfcheck_graph(struct gw_abi *abi)
{
	struct ggml_init_params params = {
		.mem_size = ggml_tensor_overhead() * 8 + ggml_graph_overhead_custom(8, false),
		.no_alloc = true,
	};
	struct ggml_context *ctx = ggml_init(params);

	if (!ctx)
		return;
	check_graph(ctx, abi);
	ggml_free(ctx);
}
