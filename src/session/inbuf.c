#include "session/inbuf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum gw_status gw_inbuf_init(struct gw_inbuf *in, struct gw_transport *transport)
{
	uint8_t *data = malloc(GW_INBUF_SIZE);
	if (!data)
		return GW_ERR_NOMEM;
	*in = (struct gw_inbuf){.transport = transport, .data = data};
	return GW_OK;
}

void gw_inbuf_free(struct gw_inbuf *in)
{
	free(in->data);
	in->data = NULL;
}

static enum gw_status cut_short(enum gw_status status, struct gw_error *err)
{
	if (status != GW_ERR_CLOSED)
		return status;
	return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
}

enum gw_status gw_inbuf_fill(struct gw_inbuf *in, size_t n, struct gw_error *err)
{
	size_t len = gw_inbuf_len(in);
	assert(n <= GW_INBUF_SIZE);
	if (len >= n)
		return GW_OK;
	memmove(in->data, in->data + in->begin, len);
	in->begin = 0;
	in->end = len;
	struct iovec iov = {in->data + len, GW_INBUF_SIZE - len};
	size_t got;
	enum gw_status status = in->transport->ops->recvv(in->transport, &iov, 1, n - len, &got, err);
	if (status)
		return len > 0 ? cut_short(status, err) : status;
	in->end += got;
	return GW_OK;
}

const uint8_t *gw_inbuf_take(struct gw_inbuf *in, size_t n)
{
	assert(n <= gw_inbuf_len(in));
	const uint8_t *bytes = in->data + in->begin;
	in->begin += n;
	return bytes;
}

enum gw_status gw_inbuf_read(struct gw_inbuf *in, void *dst, size_t n, struct gw_error *err)
{
	size_t len = gw_inbuf_len(in);
	size_t copied = n < len ? n : len;
	if (copied > 0)
		memcpy(dst, gw_inbuf_take(in, copied), copied);
	if (copied == n)
		return GW_OK;
	in->begin = in->end = 0;
	struct iovec iov[] = {{(uint8_t *)dst + copied, n - copied}, {in->data, GW_INBUF_SIZE}};
	size_t got;
	enum gw_status status = in->transport->ops->recvv(in->transport, iov, 2, n - copied, &got, err);
	if (status)
		return cut_short(status, err);
	in->end = got - (n - copied);
	return GW_OK;
}
