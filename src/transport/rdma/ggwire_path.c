/* A stream of bytes in SENDs of up to 64 KiB, each with a header of 8 bytes:
 *
 *   u8 type | u8 number | u16 credits | u32 number of bytes that follow
 *
 * The number is that of the message, counted from 0, in its lower 8 bits. After packet loss rdma_rxe sometimes delivers
 * a message twice; the number detects that, and the connection ends instead of taking the copy for the next message.
 *
 * A sender has a credit for each receive that the peer has posted for data. Credits come back in the headers of what
 * the peer sends, or in a message of their own when half of them is owed, so a receiver is always ready. Messages
 * without bytes of the stream take no credit: there are few at a time, and extra receives are posted for them. */
#include "transport/rdma/ggwire_path.h"

#include <string.h>

#include "base/clock.h"
#include "transport/rdma/connection.h"
#include "transport/rdma/ggwire.h"
#include "transport/rdma/rendezvous.h"
#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"
#include "wire/cursor.h"

#define SLOT ((size_t)64 << 10)
#define DEPTH 64  /* messages with bytes that the peer can take */
#define CONTROL 8 /* receives for messages without bytes */
#define TX_SLOTS 32
#define SIGNAL_EVERY 8

_Static_assert(DEPTH + CONTROL <= GW_RDMA_MAX_RX, "all receives fit");
_Static_assert(TX_SLOTS <= GW_RDMA_MAX_TX, "all sends fit");

static void return_credits(struct gw_rdma *r)
{
	/* Without room now, reaping a send comes back here. */
	if (r->ggwire.owed >= DEPTH / 2 && !r->failed && gw_rdma_room(r) > 0)
		gw_rdma_post_message(r, GW_RDMA_CREDIT, 0, true);
}

static void bad_message(struct gw_rdma *r, const char *what)
{
	gw_rdma_fail(r, GW_ERR_PROTOCOL, "the peer has sent a message %s", what);
}

static bool with_bytes(struct gw_rdma *r, unsigned slot, const uint8_t *rx, uint32_t bytes)
{
	switch (rx[0]) {
	case GW_RDMA_DATA:
		if (r->ready_len == DEPTH)
			return false;
		gw_rdma_make_ready(r, slot, GW_RDMA_HEADER, bytes);
		return true;
	case GW_RDMA_REQUEST:
		return r->ready_len < DEPTH && gw_rdma_take_request(r, slot, rx + GW_RDMA_HEADER, bytes);
	case GW_RDMA_PROBE:
		if (r->ggwire.probed)
			return false;
		r->ggwire.probed = true;
		gw_rdma_post_recv(r, slot);
		return true;
	default:
		return false;
	}
}

static bool without_bytes(struct gw_rdma *r, unsigned slot, uint8_t type)
{
	if (type != GW_RDMA_CREDIT && type != GW_RDMA_ACKNOWLEDGE)
		return false;
	if (type == GW_RDMA_ACKNOWLEDGE && r->ggwire.acknowledged++ == r->ggwire.requests)
		return false;
	gw_rdma_post_recv(r, slot);
	return true;
}

static void ggwire_received(struct gw_rdma *r, unsigned slot, uint32_t size)
{
	const uint8_t *rx = gw_rdma_rx(r, slot);
	if (size < GW_RDMA_HEADER) {
		bad_message(r, "without a header");
		return;
	}
	uint32_t bytes = gw_le32(rx + 4);
	r->ggwire.credits += (unsigned)(rx[2] | rx[3] << 8);
	if (bytes != size - GW_RDMA_HEADER)
		bad_message(r, "of another length than its header says");
	else if (rx[1] != r->ggwire.received++)
		bad_message(r, "twice, or one that is not the next");
	else if (r->ggwire.credits > DEPTH)
		bad_message(r, "with more credits than there are");
	else if (bytes > 0 ? !with_bytes(r, slot, rx, bytes) : !without_bytes(r, slot, rx[0]))
		bad_message(r, "of no known type, or at the wrong time");
}

static void ggwire_consumed(struct gw_rdma *r, unsigned slot)
{
	gw_rdma_post_recv(r, slot);
	r->ggwire.owed++;
	return_credits(r);
}

/* Fills the slot of the next send, up to bytes that are worth a rendezvous. */
static size_t fill(const struct gw_rdma *r, struct gw_iov_pos *pos)
{
	uint8_t *to = gw_rdma_tx(r) + GW_RDMA_HEADER;
	size_t size = 0;
	struct iovec from;
	while (size < SLOT - GW_RDMA_HEADER && gw_iov_peek(pos, &from, 1, SIZE_MAX) > 0) {
		if (gw_rdma_is_bulk(r, from.iov_len))
			break;
		size_t n = from.iov_len < SLOT - GW_RDMA_HEADER - size ? from.iov_len : SLOT - GW_RDMA_HEADER - size;
		memcpy(to + size, from.iov_base, n);
		gw_iov_advance(pos, n);
		size += n;
	}
	return size;
}

static enum gw_status send_copied(struct gw_rdma *r, struct gw_iov_pos *pos, struct gw_error *err)
{
	enum gw_status status = gw_rdma_wait_to_send(r, err);
	if (status)
		return status;
	size_t size = fill(r, pos);
	r->ggwire.credits--;
	gw_rdma_post_message(r, GW_RDMA_DATA, size, (r->posted + 1) % SIGNAL_EVERY == 0);
	return gw_rdma_broken(r, err);
}

static enum gw_status send_in_place(
	struct gw_rdma *r, struct gw_iov_pos *pos, const struct iovec *next, struct gw_error *err)
{
	size_t sent = 0;
	enum gw_status status = gw_rdma_send_region(r, next->iov_base, next->iov_len, &sent, err);
	gw_iov_advance(pos, sent);
	return status;
}

static enum gw_status ggwire_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct gw_rdma *r = gw_rdma_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	enum gw_status status = GW_OK;
	struct iovec next;
	pthread_mutex_lock(&r->lock);
	while (!status && gw_iov_peek(&pos, &next, 1, SIZE_MAX) > 0)
		status = gw_rdma_is_bulk(r, next.iov_len) ? send_in_place(r, &pos, &next, err)
							  : send_copied(r, &pos, err);
	pthread_mutex_unlock(&r->lock);
	return status;
}

/* The last sends may have asked for no completion. */
static void ggwire_closing(struct gw_rdma *r)
{
	while (gw_rdma_room(r) == 0 && !gw_rdma_broken(r, NULL))
		(void)gw_rdma_wait(r, GW_CLOCK_NEVER);
	if (r->signalled < r->posted && !gw_rdma_broken(r, NULL))
		gw_rdma_post_message(r, GW_RDMA_CREDIT, 0, true);
}

static void ggwire_register(struct gw_transport *t, void *base, size_t size)
{
	struct gw_rdma *r = gw_rdma_of(t);
	pthread_mutex_lock(&r->lock);
	gw_rdma_register(&r->ggwire.registrations, base, size);
	pthread_mutex_unlock(&r->lock);
}

static void ggwire_unregister(struct gw_transport *t, const void *base)
{
	struct gw_rdma *r = gw_rdma_of(t);
	pthread_mutex_lock(&r->lock);
	gw_rdma_unregister(&r->ggwire.registrations, base);
	pthread_mutex_unlock(&r->lock);
}

static enum gw_status no_passage(const struct gw_rdma *r, const char *what, struct gw_error *err)
{
	enum gw_status status = gw_rdma_broken(r, err);
	if (!status)
		status = gw_error_set(err, GW_ERR_TIMEOUT, "RDMA: %s", what);
	return gw_error_because(err, GW_UPGRADE_CAUSE_NO_PASSAGE, status);
}

enum gw_status gw_rdma_send_probe(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	uint64_t deadline = gw_clock_deadline(timeout_ms);
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	memset(gw_rdma_tx(r), 0, r->mtu);
	gw_rdma_post_message(r, GW_RDMA_PROBE, r->mtu - GW_RDMA_HEADER, true);
	while (!status && !gw_rdma_broken(r, NULL) && r->reaped < r->posted)
		status = gw_rdma_wait(r, deadline);
	bool sent = !r->failed && r->reaped == r->posted;
	pthread_mutex_unlock(&r->lock);
	return sent ? GW_OK : no_passage(r, "the first message was not acknowledged", err);
}

enum gw_status gw_rdma_await_probe(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	uint64_t deadline = gw_clock_deadline(timeout_ms);
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	while (!status && !gw_rdma_broken(r, NULL) && !r->ggwire.probed)
		status = gw_rdma_wait(r, deadline);
	bool probed = r->ggwire.probed;
	pthread_mutex_unlock(&r->lock);
	return probed ? GW_OK : no_passage(r, "the peer's first message did not arrive", err);
}

static void ggwire_begin(struct gw_rdma *r, const struct gw_rdma_address *peer)
{
	r->ggwire.credits = DEPTH;
	r->ggwire.no_rendezvous = peer->reads == 0;
	r->ggwire.registrations.v = r->v;
	r->ggwire.registrations.pd = r->pd;
	r->ggwire.registrations.lock = &r->lock;
}

const struct gw_rdma_path gw_rdma_ggwire_path = {
	.transport =
		{
			.name = "rdma",
			.title = "RDMA",
			.max_unread = DEPTH,
			.sendv = ggwire_sendv,
			.recvv = gw_rdma_recvv,
			.readable = gw_rdma_readable,
			.register_memory = ggwire_register,
			.unregister_memory = ggwire_unregister,
			.shutdown = gw_rdma_shutdown,
			.close = gw_rdma_close,
		},
	.rx_slots = DEPTH + CONTROL,
	.tx_slots = TX_SLOTS,
	.slot = SLOT,
	.access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ,
	.hop_limit = 64,
	.min_rnr_timer = 12,
	.rnr_retry = 6, /* never needed: credits */
	.announced = true,
	.random_psn = true,
	.begin = ggwire_begin,
	.received = ggwire_received,
	.consumed = ggwire_consumed,
	.pull = gw_rdma_pull,
	.reaped = return_credits,
	.closing = ggwire_closing,
};
