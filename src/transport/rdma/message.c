#include "transport/rdma/message.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/ext_text.h"

#define NUMBER_MASK 0xffffffu /* queue pairs and packets have numbers of 24 bits */
#define MTU_MAX 5

static const uint8_t zero[GW_UPGRADE_CAPS];

bool gw_rdma_address_ok(const struct gw_rdma_address *a)
{
	if (a->qpn == 0 || a->qpn > NUMBER_MASK || a->psn > NUMBER_MASK || a->mtu > MTU_MAX)
		return false;
	return a->kind == GW_RDMA_ROCE ? memcmp(a->gid, zero, sizeof(a->gid)) != 0
				       : a->kind == GW_RDMA_INFINIBAND && a->lid != 0;
}

void gw_rdma_caps_encode(const struct gw_rdma_address *at, uint8_t caps[GW_UPGRADE_CAPS])
{
	memset(caps, 0, GW_UPGRADE_CAPS);
	if (at->kind != GW_RDMA_ROCE)
		return;
	gw_put_le32(caps, at->qpn);
	gw_put_le32(caps + 4, at->psn);
	memcpy(caps + 8, at->gid, sizeof(at->gid));
}

bool gw_rdma_caps_any(const uint8_t caps[GW_UPGRADE_CAPS])
{
	return memcmp(caps, zero, GW_UPGRADE_CAPS) != 0;
}

bool gw_rdma_caps_decode(const uint8_t caps[GW_UPGRADE_CAPS], struct gw_rdma_address *at)
{
	struct gw_rdma_address got = {.kind = GW_RDMA_ROCE, .qpn = gw_le32(caps), .psn = gw_le32(caps + 4)};
	memcpy(got.gid, caps + 8, sizeof(got.gid));
	if (got.psn != got.qpn || !gw_rdma_address_ok(&got))
		return false;
	*at = got;
	return true;
}

size_t gw_rdma_message_encode(const struct gw_rdma_message *m, uint8_t out[GW_RDMA_MESSAGE_MAX])
{
	const struct gw_rdma_address *a = &m->address;
	size_t n = strnlen(m->reason, GW_EXT_TEXT - 1);
	struct gw_wr w = gw_wr_init(out, GW_RDMA_MESSAGE_FIXED + 4 + n);
	gw_wr_u8(&w, (uint8_t)m->step);
	gw_wr_u8(&w, m->yes);
	gw_wr_u8(&w, (uint8_t)a->kind);
	gw_wr_u8(&w, a->mtu);
	gw_wr_u32(&w, a->qpn);
	gw_wr_u32(&w, a->psn);
	gw_wr_u8(&w, (uint8_t)a->lid);
	gw_wr_u8(&w, (uint8_t)(a->lid >> 8));
	gw_wr_u8(&w, a->reads);
	gw_wr_u8(&w, (uint8_t)m->cause);
	gw_wr_bytes(&w, a->gid, sizeof(a->gid));
	gw_wr_u32(&w, (uint32_t)n);
	gw_wr_bytes(&w, m->reason, n);
	assert(gw_wr_done(&w));
	return GW_RDMA_MESSAGE_FIXED + 4 + n;
}

/* Causes that a later version adds are unknown here. */
static enum gw_upgrade_cause cause_of(uint8_t number)
{
	return number < GW_UPGRADE_CAUSES ? (enum gw_upgrade_cause)number : GW_UPGRADE_CAUSE_UNKNOWN;
}

bool gw_rdma_message_decode(const void *body, size_t size, enum gw_rdma_step step, struct gw_rdma_message *m)
{
	struct gw_rdma_message got = {.step = step};
	struct gw_rdma_address *a = &got.address;
	struct gw_rd r = gw_rd_init(body, size);
	uint8_t its_step = gw_rd_u8(&r), yes = gw_rd_u8(&r);
	got.yes = yes == 1;
	a->kind = (enum gw_rdma_kind)gw_rd_u8(&r);
	a->mtu = gw_rd_u8(&r);
	a->qpn = gw_rd_u32(&r);
	a->psn = gw_rd_u32(&r);
	uint32_t rest = gw_rd_u32(&r);
	a->lid = (uint16_t)rest;
	a->reads = (uint8_t)(rest >> 16);
	got.cause = cause_of((uint8_t)(rest >> 24));
	const uint8_t *gid = gw_rd_bytes(&r, sizeof(a->gid));
	gw_ext_take_text(&r, got.reason);
	if (r.bad || its_step != step || yes > 1)
		return false;
	memcpy(a->gid, gid, sizeof(a->gid));
	*m = got;
	return true;
}

enum gw_status gw_rdma_message_send(
	const struct gw_upgrade_channel *channel, const struct gw_rdma_message *m, struct gw_error *err)
{
	uint8_t body[GW_RDMA_MESSAGE_MAX];
	return channel->send(channel->user, body, gw_rdma_message_encode(m, body), err);
}

enum gw_status gw_rdma_message_receive(const struct gw_upgrade_channel *channel, enum gw_rdma_step step,
	struct gw_rdma_message *m, struct gw_error *err)
{
	uint8_t body[GW_RDMA_MESSAGE_MAX];
	size_t size;
	enum gw_status status = channel->receive(channel->user, body, sizeof(body), &size, err);
	if (!status && !gw_rdma_message_decode(body, size, step, m))
		status = gw_error_set(err, GW_ERR_PROTOCOL, "EXT_RDMA: malformed message");
	return status;
}

enum gw_status gw_rdma_message_decline(const struct gw_upgrade_channel *channel, enum gw_rdma_step step,
	const struct gw_error *reason, struct gw_error *err)
{
	struct gw_rdma_message m = {.step = step, .cause = (enum gw_upgrade_cause)reason->cause};
	snprintf(m.reason, sizeof(m.reason), "%.*s", GW_EXT_TEXT - 1, reason->text);
	return gw_rdma_message_send(channel, &m, err);
}
