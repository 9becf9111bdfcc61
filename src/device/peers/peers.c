#include "device/peers/peers.h"

#include <stdlib.h>
#include <unistd.h>

struct gw_peers {
	struct {
		int ticket; /* the link will come out of it; -1 = none */
		struct gw_link *link;
	} links[GW_PEERS_LINKS_MAX];
	struct gw_peers_group_req groups[GW_PEERS_GROUPS_MAX]; /* size 0: not defined */
	struct gw_group_memory memory;
};

struct gw_peers *gw_peers_new(void)
{
	struct gw_peers *p = calloc(1, sizeof(*p));
	for (size_t i = 0; p && i < GW_PEERS_LINKS_MAX; i++)
		p->links[i].ticket = -1;
	return p;
}

static void clear(struct gw_peers *p, uint32_t n)
{
	if (p->links[n].ticket >= 0)
		close(p->links[n].ticket);
	gw_link_free(p->links[n].link);
	p->links[n].ticket = -1;
	p->links[n].link = NULL;
}

void gw_peers_free(struct gw_peers *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < GW_PEERS_LINKS_MAX; i++)
		clear(p, i);
	gw_group_memory_free(&p->memory);
	free(p);
}

void gw_peers_expect(struct gw_peers *p, uint32_t n, int ticket)
{
	clear(p, n);
	p->links[n].ticket = ticket;
}

int gw_peers_take_ticket(struct gw_peers *p, uint32_t n)
{
	int ticket = p->links[n].ticket;
	p->links[n].ticket = -1;
	return ticket;
}

void gw_peers_set(struct gw_peers *p, uint32_t n, struct gw_link *link)
{
	clear(p, n);
	p->links[n].link = link;
}

struct gw_link *gw_peers_link(const struct gw_peers *p, uint32_t n, struct gw_error *err)
{
	struct gw_link *link = p && n < GW_PEERS_LINKS_MAX ? p->links[n].link : NULL;
	if (!link)
		gw_error_set(err, GW_ERR_PROTOCOL, "there is no link %u", n);
	return link;
}

void gw_peers_define(struct gw_peers *p, const struct gw_peers_group_req *group)
{
	p->groups[group->group] = *group;
}

enum gw_status gw_peers_reduce(
	struct gw_peers *p, uint32_t group, const struct gw_group_reduction *r, struct gw_error *err)
{
	const struct gw_peers_group_req *defined = p ? &p->groups[group] : NULL;
	if (!defined || defined->size == 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "group %u is not defined", group);
	struct gw_group g = {.size = defined->size, .self = defined->self};
	for (size_t i = 0; i < g.size; i++)
		if (i != g.self && !(g.links[i] = gw_peers_link(p, defined->links[i], err)))
			return GW_ERR_PROTOCOL;
	if (r->steps == 1 && g.size > 2 && r->elements > GW_PEERS_ONE_STEP_MAX / sizeof(float))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%llu elements are too many for one step",
			(unsigned long long)r->elements);
	return gw_group_reduce(&g, r, &p->memory, err);
}

/* A tensor's bytes, where this process can touch them; elsewhere in p's memory. */
static void *reach(struct gw_peers *p, const struct gw_tensor *t, struct gw_error *err)
{
	if (t->buffer->is_host)
		return t->ggml.data;
	return gw_group_memory_room(&p->memory.values, t->nbytes, err);
}

enum gw_status gw_peers_send(struct gw_peers *p, uint32_t n, struct gw_tensor *t, struct gw_error *err)
{
	struct gw_link_message m = {.link = gw_peers_link(p, n, err), .kind = GW_PEERS_COPY, .out_size = t->nbytes};
	if (!m.link)
		return GW_ERR_PROTOCOL;
	if (t->nbytes == 0)
		return GW_OK;
	void *bytes = reach(p, t, err);
	if (!bytes)
		return GW_ERR_NOMEM;
	if (!t->buffer->is_host)
		ggml_backend_tensor_get(&t->ggml, bytes, 0, t->nbytes);
	m.out = bytes;
	enum gw_status status = gw_links_exchange(&m, 1, err);
	gw_group_memory_trim(&p->memory);
	return status;
}

enum gw_status gw_peers_receive(struct gw_peers *p, uint32_t n, struct gw_tensor *t, struct gw_error *err)
{
	struct gw_link_message m = {.link = gw_peers_link(p, n, err), .kind = GW_PEERS_COPY, .in_size = t->nbytes};
	if (!m.link)
		return GW_ERR_PROTOCOL;
	if (t->nbytes == 0)
		return GW_OK;
	m.in = reach(p, t, err);
	if (!m.in)
		return GW_ERR_NOMEM;
	enum gw_status status = gw_links_exchange(&m, 1, err);
	if (!status && !t->buffer->is_host)
		ggml_backend_tensor_set(&t->ggml, m.in, 0, t->nbytes);
	gw_group_memory_trim(&p->memory);
	return status;
}

static uint64_t larger(const struct gw_buf *buf, uint64_t bytes)
{
	return buf->capacity > bytes ? buf->capacity : bytes;
}

uint64_t gw_peers_kept(const struct gw_peers *p)
{
	const struct gw_group_memory *m = &p->memory;
	return m->own.capacity + m->sum.capacity + m->rounded.capacity + m->received.capacity + m->values.capacity;
}

uint64_t gw_peers_needed(const struct gw_peers *p, uint32_t group, const struct gw_group_reduction *r)
{
	const struct gw_group_memory *m = &p->memory;
	uint64_t n = r->elements, size = p->groups[group].size, width = r->format == GW_PEERS_BF16 ? 2 : 4;
	uint64_t received = r->steps == 1 && size > 0 ? n * width * (size - 1) : (n + size) * width;
	size_t n_computed = 0, n_remote = 0;
	for (size_t i = 0; i < r->n; i++) {
		n_computed += r->computed[i];
		n_remote += !r->tensors[i].buffer->is_host;
	}
	return larger(&m->own, n_computed == 1 ? 0 : 4 * n) +
	       larger(&m->sum, r->tensors[0].buffer->is_host ? 0 : 4 * n) +
	       larger(&m->rounded, r->format == GW_PEERS_BF16 ? 2 * n : 0) + larger(&m->received, received) +
	       larger(&m->values, n_remote ? 4 * n : 0);
}

uint64_t gw_peers_copy_needed(const struct gw_peers *p, const struct gw_tensor *t)
{
	return gw_peers_kept(p) + (t->buffer->is_host ? 0 : t->nbytes);
}
