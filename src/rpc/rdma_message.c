#include "rpc/rdma_message.h"

#include <assert.h>
#include <string.h>

static_assert((int)GW_RDMA_ROCE == GW_EXT_RDMA_ROCE && (int)GW_RDMA_INFINIBAND == GW_EXT_RDMA_INFINIBAND,
	"kinds travel as they are");

void gw_rdma_put_caps(const struct gw_rdma *r, uint8_t caps[GW_WIRE_CAPS])
{
	struct gw_rdma_address local;
	gw_rdma_local(r, GW_RDMA_PATH_STOCK, &local);
	struct gw_wire_caps c = {.qpn = local.qpn, .psn = local.psn};
	memcpy(c.gid, local.gid, sizeof(c.gid));
	if (local.kind == GW_RDMA_ROCE)
		gw_wire_caps_encode(&c, caps);
	else
		memset(caps, 0, GW_WIRE_CAPS);
}

bool gw_rdma_take_caps(const uint8_t caps[GW_WIRE_CAPS], struct gw_rdma_address *at)
{
	struct gw_wire_caps c;
	if (!gw_wire_caps_decode(caps, &c))
		return false;
	*at = (struct gw_rdma_address){.kind = GW_RDMA_ROCE, .qpn = c.qpn, .psn = c.psn};
	memcpy(at->gid, c.gid, sizeof(at->gid));
	return gw_rdma_address_ok(at);
}

void gw_rdma_put_offer(const struct gw_rdma *r, struct gw_ext_rdma *m)
{
	struct gw_rdma_address local;
	gw_rdma_local(r, GW_RDMA_PATH_GGWIRE, &local);
	*m = (struct gw_ext_rdma){
		.step = GW_EXT_RDMA_OFFER,
		.yes = true,
		.link = (uint8_t)local.kind,
		.mtu = local.mtu,
		.qpn = local.qpn,
		.psn = local.psn,
		.lid = local.lid,
		.reads = local.reads,
	};
	memcpy(m->gid, local.gid, sizeof(m->gid));
}

bool gw_rdma_take_offer(const struct gw_ext_rdma *m, struct gw_rdma_address *at)
{
	struct gw_rdma_address got = {.qpn = m->qpn, .psn = m->psn, .lid = m->lid, .mtu = m->mtu, .reads = m->reads};
	if (m->link != GW_EXT_RDMA_ROCE && m->link != GW_EXT_RDMA_INFINIBAND)
		return false;
	got.kind = (enum gw_rdma_kind)m->link;
	memcpy(got.gid, m->gid, sizeof(got.gid));
	if (!gw_rdma_address_ok(&got))
		return false;
	*at = got;
	return true;
}
