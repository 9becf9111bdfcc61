#include "rpc/inbuf.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/mode.h"

/* A peer that sends less than this in the time of patience holds the connection on purpose. */
#define PACE ((size_t)256 << 10)

enum gw_status gw_inbuf_init(struct gw_inbuf *in, struct gw_transport *transport)
{
	uint8_t *data = malloc(GW_INBUF_SIZE);
	if (!data)
		return GW_ERR_NOMEM;
	*in = (struct gw_inbuf){.transport = transport, .data = data, .patience_ms = gw_transport_timeout_ms()};
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

void gw_inbuf_set_deadline(struct gw_inbuf *in, int ms)
{
	in->deadline = ms ? gw_clock_deadline(ms) : 0;
}

static uint64_t message_deadline(const struct gw_inbuf *in)
{
	uint64_t at = gw_clock_deadline(in->patience_ms);
	return in->deadline && in->deadline < at ? in->deadline : at;
}

/* Looks for more bytes for a while, and yields the processor meanwhile. Whether there are any. */
static bool spin(const struct gw_inbuf *in)
{
	if (!in->spin_ns)
		return false;
	for (uint64_t until = gw_clock_ns() + in->spin_ns; gw_clock_ns() < until; sched_yield())
		if (in->transport->ops->readable(in->transport, 0))
			return true;
	return false;
}

/* Waits until there is something to receive. */
static enum gw_status await(const struct gw_inbuf *in, uint64_t deadline, struct gw_error *err)
{
	if (spin(in))
		return GW_OK;
	if (in->transport->ops->readable(in->transport, gw_clock_ms_left(deadline)))
		return GW_OK;
	return gw_error_set(err, GW_ERR_TIMEOUT, "the peer stopped in the middle of a message");
}

static void count(const struct gw_inbuf *in, size_t n)
{
	if (in->received)
		atomic_store_explicit(in->received, atomic_load_explicit(in->received, memory_order_relaxed) + n,
			memory_order_relaxed);
}

/* Receives what has arrived, after the len bytes at the start of the buffer. */
static enum gw_status receive(struct gw_inbuf *in, size_t len, struct gw_error *err)
{
	struct iovec iov = {in->data + len, GW_INBUF_SIZE - len};
	size_t got;
	enum gw_status status = in->transport->ops->recvv(in->transport, &iov, 1, 1, &got, err);
	if (status)
		return len > 0 ? cut_short(status, err) : status;
	count(in, got);
	in->end = len + got;
	return GW_OK;
}

enum gw_status gw_inbuf_fill(struct gw_inbuf *in, size_t n, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	size_t len = gw_inbuf_len(in);
	assert(n <= GW_INBUF_SIZE);
	if (len >= n)
		return GW_OK;
	memmove(in->data, in->data + in->begin, len);
	in->begin = 0;
	in->end = len;
	/* Between two messages a peer may take as long as it likes. */
	if (len == 0 && !in->deadline) {
		(void)spin(in);
		status = receive(in, 0, err);
	}
	if (in->end >= n)
		return status;
	for (uint64_t deadline = message_deadline(in); in->end < n && !status;) {
		status = await(in, deadline, err);
		if (!status)
			status = receive(in, in->end, err);
	}
	return status;
}

const uint8_t *gw_inbuf_take(struct gw_inbuf *in, size_t n)
{
	assert(n <= gw_inbuf_len(in));
	const uint8_t *bytes = in->data + in->begin;
	in->begin += n;
	return bytes;
}

/* Receives n bytes to dst, and what follows to the empty buffer. */
static enum gw_status receive_body(struct gw_inbuf *in, uint8_t *dst, size_t n, struct gw_error *err)
{
	uint64_t deadline = message_deadline(in);
	size_t done = 0, paced = 0;
	while (done < n) {
		struct iovec iov[] = {{dst + done, n - done}, {in->data, GW_INBUF_SIZE}};
		size_t got;
		enum gw_status status = await(in, deadline, err);
		if (!status)
			status = cut_short(in->transport->ops->recvv(in->transport, iov, 2, 1, &got, err), err);
		if (status)
			return status;
		count(in, got);
		done += got;
		if (done - paced >= PACE) {
			deadline = message_deadline(in);
			paced = done;
		}
	}
	in->end = done - n;
	return GW_OK;
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
	return receive_body(in, (uint8_t *)dst + copied, n - copied, err);
}
