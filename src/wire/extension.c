#include "wire/extension.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/ext_text.h"

static enum gw_status put_device(struct gw_buf *out, const struct gw_ext_device *device)
{
	enum gw_status status = gw_ext_put_u32(out, device->flags);
	if (status == GW_OK)
		status = gw_ext_put_u64(out, device->alignment);
	if (status == GW_OK)
		status = gw_ext_put_u64(out, device->max_size);
	if (status == GW_OK)
		status = gw_ext_put_text(out, device->name);
	if (status == GW_OK)
		status = gw_ext_put_text(out, device->description);
	return status;
}

enum gw_status gw_ext_info_encode(const struct gw_ext_info *info, struct gw_buf *out)
{
	if (info->n_devices > GW_EXT_MAX_DEVICES)
		return GW_ERR_LIMIT;
	size_t start = out->len;
	enum gw_status status = gw_ext_put_u32(out, info->level);
	if (status == GW_OK)
		status = gw_ext_put_u32(out, info->flags);
	if (status == GW_OK)
		status = gw_ext_put_text(out, info->version);
	if (status == GW_OK)
		status = gw_ext_put_u32(out, info->n_devices);
	for (uint32_t i = 0; status == GW_OK && i < info->n_devices; i++)
		status = put_device(out, &info->devices[i]);
	if (status == GW_OK && out->len - start > GW_EXT_INFO_MAX)
		status = GW_ERR_LIMIT;
	if (status != GW_OK)
		out->len = start;
	return status;
}

static void take_device(struct gw_rd *r, struct gw_ext_device *device)
{
	device->flags = gw_rd_u32(r);
	device->alignment = gw_rd_u64(r);
	device->max_size = gw_rd_u64(r);
	gw_ext_take_text(r, device->name);
	gw_ext_take_text(r, device->description);
}

enum gw_status gw_ext_info_decode(const void *body, size_t size, struct gw_ext_info *info)
{
	struct gw_ext_info got = {0};
	struct gw_rd r = gw_rd_init(body, size);
	got.level = gw_rd_u32(&r);
	got.flags = gw_rd_u32(&r);
	gw_ext_take_text(&r, got.version);
	got.n_devices = gw_rd_u32(&r);
	if (r.bad || size > GW_EXT_INFO_MAX || got.n_devices > GW_EXT_MAX_DEVICES)
		return GW_ERR_PROTOCOL;

	got.devices = calloc(got.n_devices ? got.n_devices : 1, sizeof(*got.devices));
	if (!got.devices)
		return GW_ERR_NOMEM;
	for (uint32_t i = 0; i < got.n_devices; i++)
		take_device(&r, &got.devices[i]);
	if (r.bad) {
		free(got.devices);
		return GW_ERR_PROTOCOL;
	}
	*info = got;
	return GW_OK;
}

void gw_ext_info_free(struct gw_ext_info *info)
{
	free(info->devices);
	*info = (struct gw_ext_info){0};
}

void gw_ext_alloc_rsp_encode(const struct gw_ext_alloc_rsp *m, uint8_t out[GW_EXT_ALLOC_RSP])
{
	gw_put_le64(out, m->buffer);
	gw_put_le64(out + 8, m->size);
	gw_put_le64(out + 16, m->base);
}

void gw_ext_alloc_rsp_decode(const uint8_t in[GW_EXT_ALLOC_RSP], struct gw_ext_alloc_rsp *m)
{
	*m = (struct gw_ext_alloc_rsp){.buffer = gw_le64(in), .size = gw_le64(in + 8), .base = gw_le64(in + 16)};
}

void gw_ext_alive_encode(uint32_t ms, uint8_t out[GW_EXT_ALIVE_REQ])
{
	gw_put_le32(out, ms);
}

bool gw_ext_alive_decode(const void *body, size_t size, uint32_t *ms)
{
	struct gw_rd r = gw_rd_init(body, size);
	uint32_t got = gw_rd_u32(&r);
	if (!gw_rd_done(&r) || got < GW_EXT_ALIVE_MIN_MS || got > GW_EXT_ALIVE_MAX_MS)
		return false;
	*ms = got;
	return true;
}

size_t gw_ext_rdma_encode(const struct gw_ext_rdma *m, uint8_t out[GW_EXT_RDMA_MAX])
{
	size_t n = strnlen(m->reason, GW_EXT_TEXT - 1);
	struct gw_wr w = gw_wr_init(out, GW_EXT_RDMA_FIXED + 4 + n);
	gw_wr_u8(&w, m->step);
	gw_wr_u8(&w, m->yes);
	gw_wr_u8(&w, m->link);
	gw_wr_u8(&w, m->mtu);
	gw_wr_u32(&w, m->qpn);
	gw_wr_u32(&w, m->psn);
	gw_wr_u8(&w, (uint8_t)m->lid);
	gw_wr_u8(&w, (uint8_t)(m->lid >> 8));
	gw_wr_u8(&w, m->reads);
	gw_wr_u8(&w, 0);
	gw_wr_bytes(&w, m->gid, sizeof(m->gid));
	gw_wr_u32(&w, (uint32_t)n);
	gw_wr_bytes(&w, m->reason, n);
	assert(gw_wr_done(&w));
	return GW_EXT_RDMA_FIXED + 4 + n;
}

bool gw_ext_rdma_decode(const void *body, size_t size, uint8_t step, struct gw_ext_rdma *m)
{
	struct gw_ext_rdma got = {0};
	struct gw_rd r = gw_rd_init(body, size);
	got.step = gw_rd_u8(&r);
	uint8_t yes = gw_rd_u8(&r);
	got.yes = yes == 1;
	got.link = gw_rd_u8(&r);
	got.mtu = gw_rd_u8(&r);
	got.qpn = gw_rd_u32(&r);
	got.psn = gw_rd_u32(&r);
	uint32_t lid_and_reads = gw_rd_u32(&r);
	got.lid = (uint16_t)lid_and_reads;
	got.reads = (uint8_t)(lid_and_reads >> 16);
	const uint8_t *gid = gw_rd_bytes(&r, sizeof(got.gid));
	gw_ext_take_text(&r, got.reason);
	if (r.bad || got.step != step || yes > 1)
		return false;
	memcpy(got.gid, gid, sizeof(got.gid));
	*m = got;
	return true;
}
