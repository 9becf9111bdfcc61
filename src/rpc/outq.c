#include "rpc/outq.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum gw_status gw_outq_init(struct gw_outq *q, struct gw_transport *transport)
{
	uint8_t *data = malloc(GW_OUTQ_CAPACITY);
	struct iovec *iov = calloc(GW_OUTQ_UNITS + GW_OUTQ_TAIL, sizeof(*iov));
	if (!data || !iov) {
		free(data);
		free(iov);
		return GW_ERR_NOMEM;
	}
	*q = (struct gw_outq){.transport = transport, .data = data, .iov = iov};
	return GW_OK;
}

void gw_outq_free(struct gw_outq *q)
{
	free(q->data);
	free(q->iov);
	q->data = NULL;
	q->iov = NULL;
}

bool gw_outq_fits(const struct gw_outq *q, size_t size, int units)
{
	return size <= GW_OUTQ_CAPACITY - q->len && units <= GW_OUTQ_UNITS - q->n;
}

static void extend(struct gw_outq *q, bool new_unit, const void *bytes, size_t size)
{
	if (size == 0)
		return;
	assert(gw_outq_fits(q, size, new_unit ? 1 : 0));
	if (new_unit)
		q->iov[q->n++] = (struct iovec){q->data + q->len, 0};
	memcpy(q->data + q->len, bytes, size);
	q->len += size;
	q->iov[q->n - 1].iov_len += size;
}

static bool must_separate(const struct gw_outq *q)
{
	return q->n == 0 || q->transport->ops->keeps_boundaries;
}

void gw_outq_put(struct gw_outq *q, const void *bytes, size_t size)
{
	extend(q, must_separate(q), bytes, size);
}

void gw_outq_putv(struct gw_outq *q, const struct iovec *parts, int n)
{
	size_t before = q->len;
	for (int i = 0; i < n; i++)
		extend(q, q->len == before && must_separate(q), parts[i].iov_base, parts[i].iov_len);
}

/* What was sent, or tried. */
static void count(const struct gw_outq *q, int units)
{
	uint64_t n = 0;
	if (!q->sent)
		return;
	for (int i = 0; i < units; i++)
		n += q->iov[i].iov_len;
	atomic_store_explicit(q->sent, atomic_load_explicit(q->sent, memory_order_relaxed) + n, memory_order_relaxed);
}

enum gw_status gw_outq_send(struct gw_outq *q, const struct iovec *tail, int n, struct gw_error *err)
{
	int units = q->n;
	assert(n >= 0 && n <= GW_OUTQ_TAIL);
	for (int i = 0; i < n; i++)
		if (tail[i].iov_len > 0)
			q->iov[units++] = tail[i];
	count(q, units);
	q->n = 0;
	q->len = 0;
	return units ? q->transport->ops->sendv(q->transport, q->iov, units, err) : GW_OK;
}
