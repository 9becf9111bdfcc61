#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

enum gw_status gw_buf_reserve(struct gw_buf *buf, size_t extra)
{
	if (extra <= buf->capacity - buf->len)
		return GW_OK;
	if (extra > SIZE_MAX / 2 - buf->len)
		return GW_ERR_NOMEM;

	size_t need = buf->len + extra;
	size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
	while (capacity < need)
		capacity *= 2;
	uint8_t *data = realloc(buf->data, capacity);
	if (!data)
		return GW_ERR_NOMEM;
	buf->data = data;
	buf->capacity = capacity;
	return GW_OK;
}

enum gw_status gw_buf_append(struct gw_buf *buf, const void *bytes, size_t n)
{
	enum gw_status status = gw_buf_reserve(buf, n);
	if (status != GW_OK || n == 0)
		return status;
	memcpy(buf->data + buf->len, bytes, n);
	buf->len += n;
	return GW_OK;
}

void gw_buf_free(struct gw_buf *buf)
{
	free(buf->data);
	*buf = (struct gw_buf){0};
}
