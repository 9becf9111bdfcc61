/* The data path between ggwire peers: a stream of bytes in SENDs of up to 64 KiB, each with a header of 8 bytes in
 * front:
 *
 *   u8 type | u8 0 | u16 credits | u32 number of bytes that follow
 *
 * A sender has a credit for each receive that the peer has posted for data; credits come back in the headers of what
 * the peer sends, or in a message of their own when half of them is owed. So a receiver is always ready. Messages
 * without bytes of the stream take no credit: there are few at a time, and receives for them are on top. */
#include <string.h>

#include "base/clock.h"
#include "transport/iov.h"
#include "transport/rdma_private.h"

#define SLOT ((size_t)64 << 10)
#define HEADER 8
#define DEPTH 64  /* messages with bytes that the peer can take */
#define CONTROL 8 /* receives for messages without */
#define TX_SLOTS 32
#define TX_CONTROL 2 /* sends that are kept for them */
#define SIGNAL_EVERY 8
#define NS_PER_MS UINT64_C(1000000)

_Static_assert(DEPTH + CONTROL <= GW_RDMA_MAX_RX, "all receives fit");
_Static_assert(TX_SLOTS <= GW_RDMA_MAX_TX, "all sends fit");

enum type {
	DATA = 1,
	CREDIT = 2, /* nothing but the header */
	HELLO = 3,  /* gw_rdma_say; the bytes mean nothing */
};

static void post(struct gw_rdma *r, enum type type, size_t size, bool signal)
{
	uint8_t *tx = gw_rdma_tx(r);
	tx[0] = (uint8_t)type;
	tx[1] = 0;
	tx[2] = (uint8_t)r->owed;
	tx[3] = (uint8_t)(r->owed >> 8);
	for (int i = 0; i < 4; i++)
		tx[4 + i] = (uint8_t)(size >> (8 * i));
	r->owed = 0;
	gw_rdma_post_send(r, HEADER + size, signal);
}

static void return_credits(struct gw_rdma *r)
{
	/* Without room now, reaping a send comes back here. */
	if (r->owed >= DEPTH / 2 && !r->failed && gw_rdma_room(r) > 0)
		post(r, CREDIT, 0, true);
}

static void bad_message(struct gw_rdma *r, const char *what)
{
	gw_rdma_fail(r, GW_ERR_PROTOCOL, "the peer has sent a message %s", what);
}

static void ggwire_received(struct gw_rdma *r, unsigned slot, uint32_t size)
{
	const uint8_t *rx = gw_rdma_rx(r, slot);
	if (size < HEADER) {
		bad_message(r, "without a header");
		return;
	}
	uint32_t bytes = (uint32_t)rx[4] | (uint32_t)rx[5] << 8 | (uint32_t)rx[6] << 16 | (uint32_t)rx[7] << 24;
	r->credits += (unsigned)(rx[2] | rx[3] << 8);
	if (bytes != size - HEADER) {
		bad_message(r, "of another length than its header says");
	} else if (r->credits > DEPTH) {
		bad_message(r, "with more credits than there are");
	} else if (rx[0] == DATA && bytes > 0 && r->ready_len < DEPTH) {
		gw_rdma_make_ready(r, slot, HEADER, bytes);
	} else if ((rx[0] == CREDIT && bytes == 0) || (rx[0] == HELLO && !r->heard)) {
		r->heard |= rx[0] == HELLO;
		gw_rdma_post_recv(r, slot);
	} else {
		bad_message(r, "of no known type");
	}
}

static void ggwire_consumed(struct gw_rdma *r, unsigned slot)
{
	gw_rdma_post_recv(r, slot);
	r->owed++;
	return_credits(r);
}

static enum gw_status wait_to_send(struct gw_rdma *r, struct gw_error *err)
{
	for (;;) {
		enum gw_status status = gw_rdma_broken(r, err);
		if (status || (r->credits > 0 && gw_rdma_room(r) > TX_CONTROL))
			return status;
		if (!gw_rdma_progress(r))
			(void)gw_rdma_wait(r, GW_RDMA_NO_DEADLINE);
	}
}

/* Fills the next send's slot with what comes next. */
static size_t fill(const struct gw_rdma *r, struct gw_iov_pos *pos)
{
	uint8_t *to = gw_rdma_tx(r) + HEADER;
	size_t size = 0;
	struct iovec from;
	while (size < SLOT - HEADER && gw_iov_peek(pos, &from, 1, SLOT - HEADER - size) > 0) {
		memcpy(to + size, from.iov_base, from.iov_len);
		gw_iov_advance(pos, from.iov_len);
		size += from.iov_len;
	}
	return size;
}

static enum gw_status ggwire_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct gw_rdma *r = gw_rdma_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	while (!status && pos.n > 0) {
		status = wait_to_send(r, err);
		if (status)
			break;
		size_t size = fill(r, &pos);
		r->credits--;
		post(r, DATA, size, (r->posted + 1) % SIGNAL_EVERY == 0);
		status = gw_rdma_broken(r, err);
	}
	pthread_mutex_unlock(&r->lock);
	return status;
}

/* The last sends may be ones that nobody is told of. */
static void ggwire_closing(struct gw_rdma *r)
{
	while (gw_rdma_room(r) == 0 && !gw_rdma_broken(r, NULL))
		(void)gw_rdma_wait(r, GW_RDMA_NO_DEADLINE);
	if (r->signalled < r->posted && !gw_rdma_broken(r, NULL))
		post(r, CREDIT, 0, true);
}

static enum gw_status not_in_time(const struct gw_rdma *r, const char *what, struct gw_error *err)
{
	enum gw_status status = gw_rdma_broken(r, err);
	return status ? status : gw_error_set(err, GW_ERR_TIMEOUT, "RDMA: %s", what);
}

enum gw_status gw_rdma_say(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	uint64_t deadline = gw_clock_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	memset(gw_rdma_tx(r), 0, r->mtu);
	post(r, HELLO, r->mtu - HEADER, true);
	while (!status && !gw_rdma_broken(r, NULL) && r->reaped < r->posted)
		status = gw_rdma_wait(r, deadline);
	bool said = !r->failed && r->reaped == r->posted;
	pthread_mutex_unlock(&r->lock);
	return said ? GW_OK : not_in_time(r, "a first message is not acknowledged", err);
}

enum gw_status gw_rdma_hear(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	uint64_t deadline = gw_clock_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	while (!status && !gw_rdma_broken(r, NULL) && !r->heard)
		status = gw_rdma_wait(r, deadline);
	bool heard = r->heard;
	pthread_mutex_unlock(&r->lock);
	return heard ? GW_OK : not_in_time(r, "the peer's first message does not come", err);
}

const struct gw_rdma_path_ops gw_rdma_path_ggwire = {
	.transport =
		{
			.name = "rdma",
			.max_unread = DEPTH,
			.sendv = ggwire_sendv,
			.recvv = gw_rdma_recvv,
			.readable = gw_rdma_readable,
			.shutdown = gw_rdma_shutdown,
			.close = gw_rdma_close,
		},
	.rx_slots = DEPTH + CONTROL,
	.tx_slots = TX_SLOTS,
	.credits = DEPTH,
	.slot = SLOT,
	.access = IBV_ACCESS_LOCAL_WRITE,
	.hop_limit = 64,
	.min_rnr_timer = 12,
	.rnr_retry = 6, /* never needed: credits */
	.announced_mtu = true,
	.received = ggwire_received,
	.consumed = ggwire_consumed,
	.reaped = return_credits,
	.closing = ggwire_closing,
};
