#include "device/graph/graph_cache.h"

#include "device/graph/graph_object.h"

static void retire(struct gw_graph_cache *cache, struct gw_graph *graph)
{
	if (!graph)
		return;
	graph->link = cache->retired;
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
		cache->retired = graph->link;
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

static uint64_t bytes_held(const struct gw_graph_cache *cache)
{
	uint64_t sum = cache->last ? gw_graph_bytes(cache->last) : 0, uid;
	size_t pos = 0;
	void *graph;

	while (gw_map_next(&cache->by_uid, &pos, &uid, &graph))
		sum += gw_graph_bytes(graph);
	for (struct gw_graph *g = cache->retired; g; g = g->link)
		sum += gw_graph_bytes(g);
	return sum;
}

bool gw_graph_cache_has_room(struct gw_graph_cache *cache, uint64_t bytes)
{
	uint64_t max = cache->max_bytes ? cache->max_bytes : GW_GRAPH_CACHE_BYTES;

	if (cache->bytes + bytes > max)
		cache->bytes = bytes_held(cache);
	return cache->bytes + bytes <= max;
}

static enum gw_status keep(struct gw_graph_cache *cache, uint64_t uid, struct gw_graph *graph)
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

enum gw_status gw_graph_cache_put(struct gw_graph_cache *cache, uint64_t uid, struct gw_graph *graph)
{
	if (!gw_graph_cache_has_room(cache, gw_graph_bytes(graph)))
		return GW_ERR_LIMIT;
	enum gw_status st = keep(cache, uid, graph);
	if (st != GW_OK)
		return st;
	cache->bytes += gw_graph_bytes(graph);
	graph->used = ++cache->uses;
	return GW_OK;
}

struct gw_graph *gw_graph_cache_get(struct gw_graph_cache *cache, uint64_t uid)
{
	struct gw_graph *graph = uid ? gw_map_get(&cache->by_uid, uid) : cache->last;

	if (!graph || gw_graph_is_dropped(graph))
		return NULL;
	graph->used = ++cache->uses;
	return graph;
}

bool gw_graph_cache_evict(struct gw_graph_cache *cache)
{
	struct gw_graph *oldest = NULL;
	size_t pos = 0;
	uint64_t uid;
	void *value;

	while (gw_map_next(&cache->by_uid, &pos, &uid, &value)) {
		struct gw_graph *graph = value;
		if (!gw_graph_is_dropped(graph) && (!oldest || graph->used < oldest->used))
			oldest = graph;
	}
	if (oldest)
		gw_graph_drop(oldest);
	return oldest;
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
