/* A graph that has been built. */
#include <stdlib.h>

#include "device/graph/graph_private.h"

struct gw_graph **gw_graph_link(struct gw_graph *graph)
{
	return &graph->link;
}

uint64_t *gw_graph_used(struct gw_graph *graph)
{
	return &graph->used;
}

struct ggml_cgraph *gw_graph_cgraph(const struct gw_graph *graph)
{
	return graph->cgraph;
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
	gw_map_free(&graph->handles);
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
