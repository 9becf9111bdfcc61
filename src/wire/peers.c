#include "wire/peers.h"

#include <string.h>

#include "wire/cursor.h"

static const uint8_t magic[8] = {GW_PEERS_FIRST_BYTE, 'G', 'W', 'L', 'I', 'N', 'K', 1};

size_t gw_peers_link_req_encode(const struct gw_peers_link_req *m, uint8_t *out)
{
	struct gw_wr w = gw_wr_init(out, GW_PEERS_LINK_REQ);
	gw_wr_u32(&w, m->link);
	gw_wr_u32(&w, m->step | (m->plain_rdma ? GW_PEERS_PLAIN_RDMA : 0));
	gw_wr_u32(&w, m->port);
	gw_wr_bytes(&w, m->secret, GW_PEERS_SECRET);
	gw_wr_bytes(&w, m->proof, GW_PEERS_SECRET);
	gw_wr_bytes(&w, m->host, GW_PEERS_HOST);
	return GW_PEERS_LINK_REQ;
}

static void take(struct gw_rd *r, void *out, size_t n)
{
	const uint8_t *bytes = gw_rd_bytes(r, n);
	if (bytes)
		memcpy(out, bytes, n);
}

bool gw_peers_link_req_decode(const void *body, size_t size, struct gw_peers_link_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->link = gw_rd_u32(&r);
	uint32_t step = gw_rd_u32(&r);
	m->step = step & ~(uint32_t)GW_PEERS_PLAIN_RDMA;
	m->plain_rdma = step != m->step;
	m->port = gw_rd_u32(&r);
	take(&r, m->secret, GW_PEERS_SECRET);
	take(&r, m->proof, GW_PEERS_SECRET);
	take(&r, m->host, GW_PEERS_HOST);
	return gw_rd_done(&r) && m->link < GW_PEERS_LINKS_MAX && m->step >= GW_PEERS_EXPECT &&
	       m->step <= GW_PEERS_CONFIRM && m->port <= UINT16_MAX && !m->host[GW_PEERS_HOST - 1];
}

size_t gw_peers_group_req_encode(const struct gw_peers_group_req *m, uint8_t *out)
{
	struct gw_wr w = gw_wr_init(out, GW_PEERS_GROUP_REQ);
	gw_wr_u32(&w, m->group);
	gw_wr_u32(&w, m->size);
	gw_wr_u32(&w, m->self);
	for (size_t i = 0; i < GW_PEERS_RANKS_MAX; i++)
		gw_wr_u32(&w, m->links[i]);
	return GW_PEERS_GROUP_REQ;
}

bool gw_peers_group_req_decode(const void *body, size_t size, struct gw_peers_group_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	bool valid = true;
	m->group = gw_rd_u32(&r);
	m->size = gw_rd_u32(&r);
	m->self = gw_rd_u32(&r);
	for (size_t i = 0; i < GW_PEERS_RANKS_MAX; i++) {
		m->links[i] = gw_rd_u32(&r);
		valid &= m->links[i] < GW_PEERS_LINKS_MAX;
	}
	return gw_rd_done(&r) && valid && m->group < GW_PEERS_GROUPS_MAX && m->size <= GW_PEERS_RANKS_MAX &&
	       (m->self < m->size || (m->size == 0 && m->self == 0));
}

size_t gw_peers_reduce_req_encode(const struct gw_peers_reduce_req *m, uint8_t *out)
{
	struct gw_wr w = gw_wr_init(out, GW_PEERS_REDUCE_MAX);
	gw_wr_u32(&w, m->group);
	gw_wr_u32(&w, m->format);
	gw_wr_u32(&w, m->steps);
	gw_wr_u32(&w, m->n);
	gw_wr_u64(&w, m->elements);
	for (uint32_t i = 0; i < m->n; i++) {
		gw_wr_u64(&w, m->operands[i].buffer);
		gw_wr_u64(&w, m->operands[i].data);
		gw_wr_u32(&w, m->operands[i].computed);
	}
	return (size_t)(w.p - out);
}

bool gw_peers_reduce_req_decode(const void *body, size_t size, struct gw_peers_reduce_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->group = gw_rd_u32(&r);
	m->format = gw_rd_u32(&r);
	m->steps = gw_rd_u32(&r);
	m->n = gw_rd_u32(&r);
	m->elements = gw_rd_u64(&r);
	if (m->group >= GW_PEERS_GROUPS_MAX || m->format > GW_PEERS_BF16 || m->steps < 1 || m->steps > 2 || m->n < 1 ||
		m->n > GW_PEERS_RANKS_MAX)
		return false;
	bool valid = true;
	for (uint32_t i = 0; i < m->n; i++) {
		m->operands[i].buffer = gw_rd_u64(&r);
		m->operands[i].data = gw_rd_u64(&r);
		m->operands[i].computed = gw_rd_u32(&r);
		valid &= m->operands[i].computed <= 1;
	}
	return gw_rd_done(&r) && valid;
}

size_t gw_peers_copy_req_encode(const struct gw_peers_copy_req *m, uint8_t *out)
{
	struct gw_wr w = gw_wr_init(out, GW_PEERS_COPY_REQ);
	gw_wr_u32(&w, m->link);
	gw_wr_u64(&w, m->buffer);
	gw_wr_u64(&w, m->data);
	gw_wr_u64(&w, m->size);
	return GW_PEERS_COPY_REQ;
}

bool gw_peers_copy_req_decode(const void *body, size_t size, struct gw_peers_copy_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->link = gw_rd_u32(&r);
	m->buffer = gw_rd_u64(&r);
	m->data = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	return gw_rd_done(&r) && m->link < GW_PEERS_LINKS_MAX;
}

void gw_peers_first_encode(const uint8_t secret[GW_PEERS_SECRET], uint8_t out[GW_PEERS_FIRST])
{
	memcpy(out, magic, sizeof(magic));
	memcpy(out + sizeof(magic), secret, GW_PEERS_SECRET);
}

const uint8_t *gw_peers_first_decode(const uint8_t in[GW_PEERS_FIRST])
{
	return memcmp(in, magic, sizeof(magic)) == 0 ? in + sizeof(magic) : NULL;
}

bool gw_peers_is_same(const uint8_t a[GW_PEERS_SECRET], const uint8_t b[GW_PEERS_SECRET])
{
	volatile uint8_t differs = 0;
	for (size_t i = 0; i < GW_PEERS_SECRET; i++)
		differs |= (uint8_t)(a[i] ^ b[i]);
	return differs == 0;
}

void gw_peers_header_encode(const struct gw_peers_header *m, uint8_t out[GW_PEERS_HEADER])
{
	gw_put_le32(out, m->kind);
	gw_put_le32(out + 4, m->number);
	gw_put_le64(out + 8, m->size);
}
