#include "transport/rdma/work.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BATCH 16

/* The identifier of a send is its number, that of a receive its slot. */
#define SEND_BIT (UINT64_C(1) << 63)

void gw_rdma_fail(struct gw_rdma *r, enum gw_status status, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	if (r->failed)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->failed = true;
	gw_error_set(&r->why, status, "RDMA: %s", text);
}

uint8_t *gw_rdma_rx(const struct gw_rdma *r, unsigned slot)
{
	return r->memory + slot * r->path->slot;
}

void gw_rdma_post_recv(struct gw_rdma *r, unsigned slot)
{
	struct ibv_sge sge = {.addr = (uint64_t)(uintptr_t)gw_rdma_rx(r, slot),
		.length = (uint32_t)r->path->slot,
		.lkey = r->mr->lkey};
	struct ibv_recv_wr wr = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
	int rc = ibv_post_recv(r->qp, &wr, &bad);
	if (rc)
		gw_rdma_fail(r, GW_ERR_LOST, "a receive cannot be posted: %s", strerror(rc));
}

unsigned gw_rdma_room(const struct gw_rdma *r)
{
	return r->path->tx_slots - (unsigned)(r->posted - r->reaped);
}

uint8_t *gw_rdma_tx(const struct gw_rdma *r)
{
	return gw_rdma_rx(r, r->path->rx_slots + (unsigned)(r->posted % r->path->tx_slots));
}

/* Appends the next work request of the send queue to the chain. */
static struct ibv_send_wr *chain(struct gw_rdma *r, const void *bytes, size_t size, uint32_t lkey)
{
	unsigned i = r->chained++;
	struct ibv_send_wr *wr = &r->chain[i];
	assert(gw_rdma_room(r) > 0);
	r->chain_sge[i] = (struct ibv_sge){.addr = (uint64_t)(uintptr_t)bytes, .length = (uint32_t)size, .lkey = lkey};
	*wr = (struct ibv_send_wr){.wr_id = ++r->posted | SEND_BIT, .sg_list = &r->chain_sge[i], .num_sge = 1};
	if (i > 0)
		r->chain[i - 1].next = wr;
	return wr;
}

void gw_rdma_post_chain(struct gw_rdma *r)
{
	struct ibv_send_wr *bad;
	if (r->chained == 0)
		return;
	r->chained = 0;
	int rc = ibv_post_send(r->qp, r->chain, &bad);
	if (rc)
		gw_rdma_fail(r, GW_ERR_LOST, "a send cannot be posted: %s", strerror(rc));
}

void gw_rdma_chain_send(struct gw_rdma *r, size_t size, bool signal)
{
	assert(size <= r->path->slot);
	struct ibv_send_wr *wr = chain(r, gw_rdma_tx(r), size, r->mr->lkey);
	wr->opcode = IBV_WR_SEND;
	if (size <= r->inline_max)
		wr->send_flags |= IBV_SEND_INLINE;
	if (signal) {
		wr->send_flags |= IBV_SEND_SIGNALED;
		r->signalled = r->posted;
	}
}

void gw_rdma_post_send(struct gw_rdma *r, size_t size, bool signal)
{
	gw_rdma_chain_send(r, size, signal);
	gw_rdma_post_chain(r);
}

void gw_rdma_post_read(struct gw_rdma *r, void *to, uint32_t lkey, const struct gw_rdma_remote *from, uint32_t size)
{
	struct ibv_send_wr *wr = chain(r, to, size, lkey);
	wr->opcode = IBV_WR_RDMA_READ;
	wr->send_flags = IBV_SEND_SIGNALED;
	wr->wr.rdma.remote_addr = from->address;
	wr->wr.rdma.rkey = from->key;
	r->signalled = r->posted;
	gw_rdma_post_chain(r);
}

void gw_rdma_make_ready(struct gw_rdma *r, unsigned slot, uint32_t offset, uint32_t size)
{
	assert(r->ready_len < GW_RDMA_MAX_RX);
	r->ready[(r->ready_head + r->ready_len++) % GW_RDMA_MAX_RX] =
		(struct gw_rdma_ready){.slot = slot, .offset = offset, .left = size};
}

void gw_rdma_make_remote(struct gw_rdma *r, unsigned slot, const struct gw_rdma_remote *remote)
{
	assert(r->ready_len < GW_RDMA_MAX_RX);
	r->ready[(r->ready_head + r->ready_len++) % GW_RDMA_MAX_RX] =
		(struct gw_rdma_ready){.slot = slot, .remote = *remote};
}

void gw_rdma_drop_empty(struct gw_rdma *r)
{
	const struct gw_rdma_ready *first = &r->ready[r->ready_head];
	if (first->left > 0 || first->remote.left > 0)
		return;
	unsigned slot = first->slot;
	r->ready_head = (r->ready_head + 1) % GW_RDMA_MAX_RX;
	r->ready_len--;
	r->path->consumed(r, slot);
}

static void complete(struct gw_rdma *r, const struct ibv_wc *wc)
{
	bool send = wc->wr_id & SEND_BIT;
	if (wc->status != IBV_WC_SUCCESS) {
		gw_rdma_fail(r, GW_ERR_LOST, "%s failed: %s (%d)", send ? "a send" : "a receive",
			r->v->wc_status_str(wc->status), (int)wc->status);
		return;
	}
	if (!send)
		r->path->received(r, (unsigned)wc->wr_id, wc->byte_len);
	else if (r->reaped < (wc->wr_id & ~SEND_BIT))
		r->reaped = wc->wr_id & ~SEND_BIT;
}

bool gw_rdma_progress(struct gw_rdma *r)
{
	struct ibv_wc wc[BATCH];
	uint64_t reaped = r->reaped;
	int n = ibv_poll_cq(r->cq, BATCH, wc);
	if (n < 0)
		gw_rdma_fail(r, GW_ERR_LOST, "the completion queue cannot be read");
	for (int i = 0; i < n; i++)
		complete(r, &wc[i]);
	if (r->path->reaped && r->reaped > reaped && !r->failed)
		r->path->reaped(r);
	r->completed += n != 0;
	return n != 0;
}

enum gw_status gw_rdma_broken(const struct gw_rdma *r, struct gw_error *err)
{
	if (atomic_load(&r->down))
		return gw_error_set(err, GW_ERR_LOST, "the connection was shut down");
	if (r->failed) {
		if (err)
			*err = r->why;
		return r->why.status;
	}
	if (r->ended)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection");
	return GW_OK;
}
