#include "fuzz/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	struct gw_transport base;
	const uint8_t *data;
	size_t left;
};

static enum gw_status bytes_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	/* Reads the sent bytes, so that a sanitizer checks them. */
	static volatile uint8_t seen;
	(void)t;
	(void)err;
	for (int i = 0; i < n; i++)
		for (size_t at = 0; at < iov[i].iov_len; at++)
			seen = ((const uint8_t *)iov[i].iov_base)[at];
	(void)seen;
	return GW_OK;
}

static enum gw_status bytes_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct bytes *b = (struct bytes *)t;
	size_t sum = 0;
	if (b->left < min)
		return gw_error_set(err, b->left ? GW_ERR_LOST : GW_ERR_CLOSED, "the end of the input");
	for (int i = 0; i < n; i++) {
		size_t part = iov[i].iov_len < b->left ? iov[i].iov_len : b->left;
		if (part)
			memcpy(iov[i].iov_base, b->data, part);
		b->data += part;
		b->left -= part;
		sum += part;
	}
	*got = sum;
	return GW_OK;
}

static bool bytes_readable(struct gw_transport *t, int timeout_ms)
{
	(void)t;
	(void)timeout_ms;
	return true;
}

static void bytes_shutdown(struct gw_transport *t)
{
	((struct bytes *)t)->left = 0;
}

static void bytes_close(struct gw_transport *t)
{
	free(t);
}

static const struct gw_transport_ops ops = {
	.name = "bytes",
	.sendv = bytes_sendv,
	.recvv = bytes_recvv,
	.readable = bytes_readable,
	.shutdown = bytes_shutdown,
	.close = bytes_close,
};

struct gw_transport *bytes_transport(const uint8_t *data, size_t size)
{
	struct bytes *b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->base.ops = &ops;
	snprintf(b->base.peer, sizeof(b->base.peer), "input");
	b->data = data;
	b->left = size;
	return &b->base;
}
