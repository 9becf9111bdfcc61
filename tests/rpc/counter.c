#include "rpc/counter.h"

#include <string.h>

static struct counter *counter_of(struct gw_transport *t)
{
	return (struct counter *)t;
}

static enum gw_status counter_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct counter *c = counter_of(t);
	c->sends++;
	for (int i = 0; i < n; i++) {
		c->bytes_sent += iov[i].iov_len;
		if (c->n_lengths < COUNTER_LENGTHS)
			c->lengths[c->n_lengths++] = iov[i].iov_len;
	}
	return c->inner->ops->sendv(c->inner, iov, n, err);
}

static enum gw_status counter_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct counter *c = counter_of(t);
	enum gw_status status = c->inner->ops->recvv(c->inner, iov, n, min, got, err);
	c->receives++;
	if (!status)
		c->bytes_received += *got;
	return status;
}

static bool counter_readable(struct gw_transport *t, int timeout_ms)
{
	struct counter *c = counter_of(t);
	return c->inner->ops->readable(c->inner, timeout_ms);
}

static void counter_shutdown(struct gw_transport *t)
{
	struct counter *c = counter_of(t);
	c->inner->ops->shutdown(c->inner);
}

static void counter_close(struct gw_transport *t)
{
	struct counter *c = counter_of(t);
	c->inner->ops->close(c->inner);
}

struct gw_transport *counter_wrap(struct counter *counter, struct gw_transport *inner, bool keeps_boundaries)
{
	memset(counter, 0, sizeof(*counter));
	counter->ops = (struct gw_transport_ops){
		.name = "counter",
		.keeps_boundaries = keeps_boundaries,
		.sendv = counter_sendv,
		.recvv = counter_recvv,
		.readable = counter_readable,
		.shutdown = counter_shutdown,
		.close = counter_close,
	};
	counter->base.ops = &counter->ops;
	counter->inner = inner;
	return &counter->base;
}
