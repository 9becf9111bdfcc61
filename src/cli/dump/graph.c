#include "cli/dump/graph.h"

#include <inttypes.h>

#include "base/map.h"
#include "cli/dump/tensor.h"
#include "wire/message.h"

/* Numbers of operations are below this in every version. */
#define MAX_OPS 256

struct graph {
	const struct gw_dialect *dialect;
	struct gw_wire_graph wire;
	struct gw_map index_of; /* id -> index of the tensor */
};

/* Without an id, or with one that no tensor has, false. */
static bool find(const struct graph *g, uint64_t id, struct gw_wire_tensor *t)
{
	uint64_t index;
	if (id == 0 || !gw_map_find_u64(&g->index_of, id, &index))
		return false;
	gw_wire_graph_tensor(g->dialect, &g->wire, (uint32_t)index, t);
	return true;
}

static bool index_tensors(struct graph *g)
{
	for (uint32_t i = 0; i < g->wire.n_tensors; i++) {
		struct gw_wire_tensor t;
		gw_wire_graph_tensor(g->dialect, &g->wire, i, &t);
		if (gw_map_put_u64(&g->index_of, t.id, i) != GW_OK)
			return false;
	}
	return true;
}

static void dump_counts(FILE *to, const struct graph *g)
{
	unsigned count[MAX_OPS] = {0};
	const char *separator = ": ";
	for (uint32_t i = 0; i < g->wire.n_nodes; i++) {
		struct gw_wire_tensor t;
		if (find(g, gw_wire_graph_node_id(&g->wire, i), &t) && t.op < MAX_OPS)
			count[t.op]++;
	}
	for (uint32_t op = 0; op < MAX_OPS; op++) {
		if (!count[op])
			continue;
		fprintf(to, "%s%s", separator, gw_dump_op(g->dialect, op));
		if (count[op] > 1)
			fprintf(to, " x %u", count[op]);
		separator = ", ";
	}
}

static void dump_node(FILE *to, const struct graph *g, uint64_t id)
{
	struct gw_wire_tensor t, src;
	if (!find(g, id, &t)) {
		fprintf(to, "\n        tensor 0x%" PRIx64 " is not in the graph", id);
		return;
	}
	fprintf(to, "\n        %s ", gw_dump_op(g->dialect, t.op));
	gw_dump_tensor(to, g->dialect, &t);
	const char *separator = " of ";
	for (int i = 0; i < GW_WIRE_SRC; i++) {
		if (!find(g, t.src[i], &src))
			continue;
		fprintf(to, "%s", separator);
		gw_dump_text(to, src.name, sizeof(src.name));
		separator = ", ";
	}
	if (g->dialect->use_count && t.use_count)
		fprintf(to, ", used %" PRId32 " times", t.use_count);
}

bool gw_dump_graph(FILE *to, const struct gw_dialect *dialect, const void *body, size_t size, bool nodes)
{
	struct graph g = {.dialect = dialect};
	if (!gw_wire_graph_decode(dialect, body, size, &g.wire) || !index_tensors(&g)) {
		gw_map_free(&g.index_of);
		return false;
	}
	fprintf(to, "device %" PRIu32, g.wire.device);
	if (dialect->graph_uid)
		fprintf(to, ", uid %" PRIu64, g.wire.uid);
	fprintf(to, ", %" PRIu32 " nodes, %" PRIu32 " tensors", g.wire.n_nodes, g.wire.n_tensors);
	dump_counts(to, &g);
	for (uint32_t i = 0; nodes && i < g.wire.n_nodes; i++)
		dump_node(to, &g, gw_wire_graph_node_id(&g.wire, i));
	gw_map_free(&g.index_of);
	return true;
}
