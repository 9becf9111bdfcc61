#include "device/graph/graph_order.h"

#include <stdlib.h>

enum mark {
	NEW,
	OPEN, /* on the path that is being followed */
	DONE,
};

struct gw_walk_step {
	uint32_t tensor;
	uint32_t next; /* the link to follow next */
};

enum gw_status gw_walk_begin(struct gw_walk *w, const struct gw_links *links, uint32_t n)
{
	*w = (struct gw_walk){.links = links,
		.marks = calloc(n + (size_t)1, sizeof(*w->marks)),
		.path = malloc((n + (size_t)1) * sizeof(*w->path))};
	return w->marks && w->path ? GW_OK : GW_ERR_NOMEM;
}

void gw_walk_end(struct gw_walk *w)
{
	free(w->marks);
	free(w->path);
	*w = (struct gw_walk){0};
}

uint64_t gw_walk_bytes(uint32_t n)
{
	return (n + UINT64_C(1)) * (sizeof(uint8_t) + sizeof(struct gw_walk_step));
}

static void enter(struct gw_walk *w, uint32_t tensor)
{
	w->marks[tensor] = OPEN;
	w->path[w->depth++] = (struct gw_walk_step){.tensor = tensor};
}

/* Goes on from the deepest tensor to one that was not visited, or leaves it. False if a link closes a circle. */
static bool advance(struct gw_walk *w)
{
	struct gw_walk_step *top = &w->path[w->depth - 1];

	while (top->next < w->links[top->tensor].n) {
		uint32_t to = w->links[top->tensor].to[top->next++];
		if (to == GW_NO_LINK || to == top->tensor || w->marks[to] == DONE)
			continue;
		if (w->marks[to] == OPEN)
			return false;
		enter(w, to);
		return true;
	}
	w->marks[top->tensor] = DONE;
	w->depth--;
	return true;
}

bool gw_walk_from(struct gw_walk *w, uint32_t tensor)
{
	if (w->marks[tensor] == DONE)
		return true;
	enter(w, tensor);
	while (w->depth > 0)
		if (!advance(w))
			return false;
	return true;
}

bool gw_walk_visited(const struct gw_walk *w, uint32_t tensor)
{
	return w->marks[tensor] != NEW;
}
