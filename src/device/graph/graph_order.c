#include "device/graph/graph_order.h"

#include <stdlib.h>

enum mark {
	NEW,
	OPEN, /* on the path that is being followed */
	DONE,
};

struct step {
	uint32_t tensor;
	uint32_t next; /* the link to follow next */
};

struct search {
	const struct gw_links *links;
	uint8_t *marks;
	struct step *path;
	size_t depth;
};

static void enter(struct search *s, uint32_t tensor)
{
	s->marks[tensor] = OPEN;
	s->path[s->depth++] = (struct step){.tensor = tensor};
}

/* Follows one link of the deepest tensor, or leaves it. False if the link closes a circle. */
static bool advance(struct search *s)
{
	struct step *top = &s->path[s->depth - 1];

	if (top->next == GW_LINKS) {
		s->marks[top->tensor] = DONE;
		s->depth--;
		return true;
	}
	uint32_t to = s->links[top->tensor].to[top->next++];
	if (to == GW_NO_LINK || to == top->tensor)
		return true;
	if (s->marks[to] == NEW)
		enter(s, to);
	else if (s->marks[to] == OPEN)
		return false;
	return true;
}

static bool search_from(struct search *s, uint32_t tensor)
{
	enter(s, tensor);
	while (s->depth > 0)
		if (!advance(s))
			return false;
	return true;
}

enum gw_status gw_links_find_cycle(const struct gw_links *links, uint32_t n, bool *cyclic)
{
	struct search s = {.links = links,
		.marks = calloc(n + (size_t)1, 1),
		.path = malloc((n + (size_t)1) * sizeof(struct step))};
	bool found = false;

	if (!s.marks || !s.path) {
		free(s.marks);
		free(s.path);
		return GW_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < n && !found; i++)
		found = s.marks[i] == NEW && !search_from(&s, i);
	free(s.marks);
	free(s.path);
	*cyclic = found;
	return GW_OK;
}
