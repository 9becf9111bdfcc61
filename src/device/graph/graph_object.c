#include "device/graph/graph_object.h"

#include <stdlib.h>

#include "ggml/abi.h"
#include "ggml/layout.h"

struct ggml_cgraph *gw_graph_cgraph(const struct gw_graph *graph)
{
	return graph->cgraph;
}

bool gw_graph_has_checks(const struct gw_graph *graph)
{
	return graph->plan.n_checks > 0;
}

size_t gw_graph_parts(const struct gw_graph *graph)
{
	return graph->plan.n_cuts + 1;
}

enum gw_status gw_graph_check(const struct gw_graph *graph, size_t part, struct gw_error *err)
{
	return gw_index_plan_check(&graph->plan, (uint32_t)part, err);
}

enum ggml_status gw_graph_compute(
	const struct gw_graph *graph, gw_graph_part_fn compute, void *arg, struct gw_error *err)
{
	const struct gw_index_plan *plan = &graph->plan;
	int end = ggml_graph_n_nodes(graph->cgraph), begin = 0;
	enum ggml_status result = GGML_STATUS_SUCCESS;

	if (plan->n_cuts == 0)
		return compute(arg, graph->cgraph);
	for (size_t i = 0; i <= plan->n_cuts && result == GGML_STATUS_SUCCESS; i++) {
		struct ggml_cgraph part;
		int next = i < plan->n_cuts ? (int)plan->cuts[i] : end;
		if (i > 0 && gw_graph_check(graph, i, err) != GW_OK)
			return GGML_STATUS_FAILED;
		if (!gw_abi_graph_part(graph->cgraph, begin, next, &part)) {
			gw_error_set(err, GW_ERR_UNSUPPORTED, "this ggml's graphs cannot be computed in parts");
			return GGML_STATUS_FAILED;
		}
		result = compute(arg, &part);
		begin = next;
	}
	return result;
}

uint64_t gw_graph_work(const struct gw_graph *graph)
{
	return graph->work ? graph->work : 1;
}

size_t gw_graph_bytes(const struct gw_graph *graph)
{
	return graph->taken;
}

bool gw_graph_uses(const struct gw_graph *graph, uint64_t handle)
{
	return gw_map_find(&graph->handles, handle, NULL);
}

void gw_graph_drop(struct gw_graph *graph)
{
	if (graph->ctx)
		ggml_free(graph->ctx);
	free(graph->memory);
	free(graph->tensors);
	gw_map_free(&graph->handles);
	gw_index_plan_free(&graph->plan);
	gw_budget_give(graph->budget, graph->taken);
	*graph = (struct gw_graph){.link = graph->link, .used = graph->used};
}

bool gw_graph_is_dropped(const struct gw_graph *graph)
{
	return !graph->ctx;
}

void gw_graph_free(struct gw_graph *graph)
{
	if (!graph)
		return;
	gw_graph_drop(graph);
	free(graph);
}
