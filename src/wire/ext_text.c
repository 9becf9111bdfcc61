#include "wire/ext_text.h"

#include <string.h>

enum gw_status gw_ext_put_u32(struct gw_buf *out, uint32_t v)
{
	uint8_t bytes[4];
	gw_put_le32(bytes, v);
	return gw_buf_append(out, bytes, sizeof(bytes));
}

enum gw_status gw_ext_put_u64(struct gw_buf *out, uint64_t v)
{
	uint8_t bytes[8];
	gw_put_le64(bytes, v);
	return gw_buf_append(out, bytes, sizeof(bytes));
}

enum gw_status gw_ext_put_text(struct gw_buf *out, const char *text)
{
	size_t n = strnlen(text, GW_EXT_TEXT - 1);
	enum gw_status status = gw_ext_put_u32(out, (uint32_t)n);
	return status == GW_OK ? gw_buf_append(out, text, n) : status;
}

/* Control characters would reach terminals through logs and device lists. */
void gw_ext_take_text(struct gw_rd *r, char out[GW_EXT_TEXT])
{
	uint32_t n = gw_rd_u32(r);
	const uint8_t *bytes = gw_rd_bytes(r, n);
	if (!bytes)
		return;
	size_t kept = n < GW_EXT_TEXT ? n : GW_EXT_TEXT - 1;
	for (size_t i = 0; i < kept; i++)
		out[i] = (char)(bytes[i] < 0x20 || bytes[i] == 0x7f ? '?' : bytes[i]);
	out[kept] = '\0';
}
