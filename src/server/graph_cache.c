#include "server/graph_cache.h"

#include "server/graph.h"

static void retire(struct gw_graph_cache *cache, struct gw_graph *graph)
{
	if (!graph)
		return;
	*gw_graph_link(graph) = cache->retired;
	cache->retired = graph;
	cache->n_retired++;
}

static void retire_all(struct gw_graph_cache *cache)
{
	size_t pos = 0;
	uint64_t uid;
	void *graph;

	while (gw_map_next(&cache->by_uid, &pos, &uid, &graph))
		retire(cache, graph);
	gw_map_clear(&cache->by_uid);
}

void gw_graph_cache_reap(struct gw_graph_cache *cache)
{
	while (cache->retired) {
		struct gw_graph *graph = cache->retired;
		cache->retired = *gw_graph_link(graph);
		gw_graph_free(graph);
	}
	cache->n_retired = 0;
}

void gw_graph_cache_free(struct gw_graph_cache *cache)
{
	retire_all(cache);
	retire(cache, cache->last);
	cache->last = NULL;
	gw_graph_cache_reap(cache);
	gw_map_free(&cache->by_uid);
}

enum gw_status gw_graph_cache_put(struct gw_graph_cache *cache, uint64_t uid, struct gw_graph *graph)
{
	if (uid == 0) {
		retire(cache, cache->last);
		cache->last = graph;
		return GW_OK;
	}
	if (cache->by_uid.count >= GW_GRAPH_CACHE_MAX)
		retire_all(cache);
	struct gw_graph *old = gw_map_get(&cache->by_uid, uid);
	enum gw_status st = gw_map_put(&cache->by_uid, uid, graph);
	if (st == GW_OK)
		retire(cache, old);
	return st;
}

struct gw_graph *gw_graph_cache_get(const struct gw_graph_cache *cache, uint64_t uid)
{
	struct gw_graph *graph = uid ? gw_map_get(&cache->by_uid, uid) : cache->last;

	return graph && !gw_graph_is_dropped(graph) ? graph : NULL;
}

void gw_graph_cache_forget_buffer(struct gw_graph_cache *cache, uint64_t handle)
{
	size_t pos = 0;
	uint64_t uid;
	void *graph;

	while (gw_map_next(&cache->by_uid, &pos, &uid, &graph))
		if (gw_graph_uses(graph, handle))
			gw_graph_drop(graph);
	if (cache->last && gw_graph_uses(cache->last, handle))
		gw_graph_drop(cache->last);
}
