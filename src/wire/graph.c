/* GRAPH_COMPUTE and GRAPH_RECOMPUTE. */
#include "wire/message.h"

size_t gw_wire_recompute_req_encode(const struct gw_dialect *d, const struct gw_wire_recompute_req *m, uint8_t *out)
{
	gw_put_le32(out, m->device);
	if (!d->graph_uid)
		return 4;
	gw_put_le64(out + 4, m->uid);
	return 12;
}

bool gw_wire_recompute_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_recompute_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->device = gw_rd_u32(&r);
	m->uid = d->graph_uid ? gw_rd_u64(&r) : 0;
	return gw_rd_done(&r);
}

bool gw_wire_graph_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_graph *g)
{
	struct gw_rd r = gw_rd_init(body, size);
	g->device = gw_rd_u32(&r);
	g->uid = d->graph_uid ? gw_rd_u64(&r) : 0;

	/* Counts are 32 bits wide, so the products fit 64 bits; what they take is compared with what is left. */
	g->n_nodes = gw_rd_u32(&r);
	uint64_t ids = (uint64_t)g->n_nodes * 8;
	if (ids > gw_rd_left(&r))
		return false;
	g->node_ids = gw_rd_bytes(&r, (size_t)ids);

	g->n_tensors = gw_rd_u32(&r);
	uint64_t tensors = (uint64_t)g->n_tensors * GW_WIRE_TENSOR_SIZE;
	if (tensors > gw_rd_left(&r))
		return false;
	g->tensors = gw_rd_bytes(&r, (size_t)tensors);
	return !r.bad;
}

uint64_t gw_wire_graph_node_id(const struct gw_wire_graph *g, uint32_t i)
{
	return gw_le64(g->node_ids + (size_t)i * 8);
}

uint64_t gw_wire_graph_tensor_id(const struct gw_wire_graph *g, uint32_t i)
{
	return gw_wire_tensor_id(g->tensors + (size_t)i * GW_WIRE_TENSOR_SIZE);
}

void gw_wire_graph_links(const struct gw_wire_graph *g, uint32_t i, uint64_t ids[GW_WIRE_SRC + 1])
{
	gw_wire_tensor_links(g->tensors + (size_t)i * GW_WIRE_TENSOR_SIZE, ids);
}

void gw_wire_graph_tensor(
	const struct gw_dialect *d, const struct gw_wire_graph *g, uint32_t i, struct gw_wire_tensor *t)
{
	gw_wire_tensor_decode(d, g->tensors + (size_t)i * GW_WIRE_TENSOR_SIZE, t);
}

bool gw_wire_graph_size(const struct gw_dialect *d, uint32_t n_nodes, uint32_t n_tensors, size_t *size)
{
	uint64_t fixed = d->graph_uid ? 20 : 12;
	uint64_t total = fixed + (uint64_t)n_nodes * 8 + (uint64_t)n_tensors * GW_WIRE_TENSOR_SIZE;
	if (total > SIZE_MAX)
		return false;
	*size = (size_t)total;
	return true;
}

void gw_wire_graph_begin(const struct gw_dialect *d, uint32_t device, uint64_t uid, uint32_t n_nodes,
	uint32_t n_tensors, uint8_t *out, uint8_t **node_ids, uint8_t **tensors)
{
	gw_put_le32(out, device);
	gw_wire_graph_set_uid(d, uid, out);
	out += d->graph_uid ? 12 : 4;
	gw_put_le32(out, n_nodes);
	*node_ids = out + 4;
	out = *node_ids + (size_t)n_nodes * 8;
	gw_put_le32(out, n_tensors);
	*tensors = out + 4;
}

void gw_wire_graph_set_uid(const struct gw_dialect *d, uint64_t uid, uint8_t *body)
{
	if (d->graph_uid)
		gw_put_le64(body + 4, uid);
}
