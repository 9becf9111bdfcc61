#include "wire/extension.h"

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

static enum gw_status put_refusal(struct gw_buf *out, const struct gw_ext_refusal *refusal)
{
	enum gw_status status = gw_ext_put_u32(out, refusal->reason);
	return status ? status : gw_ext_put_u32(out, refusal->limit);
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
	if (status == GW_OK && info->refusal.reason)
		status = put_refusal(out, &info->refusal);
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
	if ((got.flags & GW_EXT_SERVER_FULL) && gw_rd_left(&r) >= 8) {
		got.refusal.reason = gw_rd_u32(&r);
		got.refusal.limit = gw_rd_u32(&r);
	}
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
