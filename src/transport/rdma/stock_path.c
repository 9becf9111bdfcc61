/* Only SENDs are used. Each unit that the peer reads at once is a SEND of its own, or several of at most 256 KiB. The
 * peer has 24 receives; a message that finds none waits in this side's device, which retries without limit. So several
 * can be in flight, and the peer cannot tell the difference. */
#include "transport/rdma/stock_path.h"

#include <string.h>

#include "base/clock.h"
#include "transport/rdma/connection.h"
#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"

#define SLOT ((size_t)256 << 10)
#define RX_SLOTS 24
#define TX_SLOTS 16
#define SIGNAL_EVERY 4

static void stock_received(struct gw_rdma *r, unsigned slot, uint32_t size)
{
	if (size > 0)
		gw_rdma_make_ready(r, slot, 0, size);
	else
		gw_rdma_post_recv(r, slot);
}

static enum gw_status wait_for_room(struct gw_rdma *r, struct gw_error *err)
{
	for (;;) {
		enum gw_status status = gw_rdma_broken(r, err);
		if (status || gw_rdma_room(r) > 0)
			return status;
		gw_rdma_post_chain(r);
		if (!gw_rdma_progress(r))
			(void)gw_rdma_wait(r, GW_CLOCK_NEVER);
	}
}

/* Sends one unit. The last SEND of a call is always signalled, so that closing can wait for it. */
static enum gw_status send_unit(struct gw_rdma *r, const struct iovec *unit, bool last, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	for (size_t done = 0; !status && done < unit->iov_len;) {
		size_t left = unit->iov_len - done;
		size_t n = left < SLOT ? left : SLOT;
		status = wait_for_room(r, err);
		if (status)
			break;
		memcpy(gw_rdma_tx(r), (const uint8_t *)unit->iov_base + done, n);
		gw_rdma_chain_send(r, n, (last && n == left) || (r->posted + 1) % SIGNAL_EVERY == 0);
		done += n;
		status = gw_rdma_broken(r, err);
	}
	return status;
}

static enum gw_status stock_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct gw_rdma *r = gw_rdma_of(t);
	enum gw_status status = GW_OK;
	while (n > 0 && iov[n - 1].iov_len == 0)
		n--;
	pthread_mutex_lock(&r->lock);
	for (int i = 0; !status && i < n; i++)
		status = send_unit(r, &iov[i], i == n - 1, err);
	gw_rdma_post_chain(r);
	if (!status)
		status = gw_rdma_broken(r, err);
	pthread_mutex_unlock(&r->lock);
	return status;
}

const struct gw_rdma_path gw_rdma_stock_path = {
	.transport =
		{
			.name = "rdma, stock path",
			.title = "RDMA, stock path",
			.keeps_boundaries = true,
			.max_unread = RX_SLOTS,
			.sendv = stock_sendv,
			.recvv = gw_rdma_recvv,
			.readable = gw_rdma_readable,
			.shutdown = gw_rdma_shutdown,
			.close = gw_rdma_close,
		},
	.rx_slots = RX_SLOTS,
	.tx_slots = TX_SLOTS,
	.slot = SLOT,
	.access = IBV_ACCESS_LOCAL_WRITE,
	.hop_limit = 1,
	.min_rnr_timer = 1,
	.rnr_retry = 7, /* without limit: a peer that computes is alive, and TCP shows one that is not */
	.received = stock_received,
	.consumed = gw_rdma_post_recv,
};
