#include "rpc/inbuf.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/spin.h"
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

static void count(const struct gw_inbuf *in, size_t n)
{
	if (in->received)
		atomic_store_explicit(in->received, atomic_load_explicit(in->received, memory_order_relaxed) + n,
			memory_order_relaxed);
}

/* Receives what arrives within spin_ns; *got is 0 if that is nothing. */
static enum gw_status receive_soon(
	const struct gw_inbuf *in, const struct iovec *iov, int n, size_t *got, struct gw_error *err)
{
	struct gw_transport *t = in->transport;
	*got = 0;
	if (!t->ops->try_recvv)
		return GW_OK;
	for (struct gw_spin spin = gw_spin_start(in->spin_ns); gw_spin_goes_on(&spin); gw_spin_yield(&spin)) {
		enum gw_status status = t->ops->try_recvv(t, iov, n, got, err);
		if (status || *got > 0)
			return status;
	}
	return GW_OK;
}

/* Receives what arrives before the deadline (0: there is none), at least a byte. */
static enum gw_status receive(
	const struct gw_inbuf *in, const struct iovec *iov, int n, uint64_t deadline, size_t *got, struct gw_error *err)
{
	struct gw_transport *t = in->transport;
	enum gw_status status = receive_soon(in, iov, n, got, err);
	if (!status && *got == 0) {
		if (deadline && !t->ops->readable(t, gw_clock_ms_left(deadline)))
			return gw_error_set(err, GW_ERR_TIMEOUT, "the peer stopped in the middle of a message");
		status = t->ops->recvv(t, iov, n, 1, got, err);
	}
	if (!status)
		count(in, *got);
	return status;
}

/* Adds what has arrived to the buffer, whose bytes are at its start. */
static enum gw_status receive_more(struct gw_inbuf *in, uint64_t deadline, struct gw_error *err)
{
	const struct iovec iov = {in->data + in->end, GW_INBUF_SIZE - in->end};
	size_t got;
	enum gw_status status = receive(in, &iov, 1, deadline, &got, err);
	if (status)
		return in->end > 0 ? cut_short(status, err) : status;
	in->end += got;
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
	if (len == 0 && !in->deadline)
		status = receive_more(in, 0, err);
	if (in->end >= n)
		return status;
	for (uint64_t deadline = message_deadline(in); in->end < n && !status;)
		status = receive_more(in, deadline, err);
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
		enum gw_status status = cut_short(receive(in, iov, 2, deadline, &got, err), err);
		if (status)
			return status;
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
