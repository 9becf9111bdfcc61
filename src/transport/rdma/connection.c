#include "transport/rdma/connection.h"

#include <string.h>

#include "base/clock.h"
#include "transport/rdma/pair.h"
#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"

#define CLOSE_MS 2000 /* for sends that are in flight when the connection is closed */

/* Copies what is ready to where pos points. Returns the number of bytes. */
static size_t take(struct gw_rdma *r, struct gw_iov_pos *pos)
{
	size_t sum = 0;
	struct iovec to;
	while (r->ready_len > 0 && r->ready[r->ready_head].left > 0 && gw_iov_peek(pos, &to, 1, SIZE_MAX) > 0) {
		struct gw_rdma_ready *from = &r->ready[r->ready_head];
		size_t n = to.iov_len < from->left ? to.iov_len : from->left;
		memcpy(to.iov_base, gw_rdma_rx(r, from->slot) + from->offset, n);
		gw_iov_advance(pos, n);
		sum += n;
		from->offset += (uint32_t)n;
		from->left -= (uint32_t)n;
		gw_rdma_drop_empty(r);
	}
	return sum;
}

static enum gw_status receive_end(const struct gw_rdma *r, size_t got, struct gw_error *err)
{
	enum gw_status status = gw_rdma_broken(r, err);
	if (!status || atomic_load(&r->down) || r->failed)
		return status;
	if (got > 0)
		return gw_error_set(err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
	return gw_error_set(err, GW_ERR_CLOSED, "the peer closed the connection");
}

static enum gw_status wait_for_more(struct gw_rdma *r, size_t got, struct gw_error *err)
{
	enum gw_status status = receive_end(r, got, err);
	return status ? status : gw_rdma_wait_for_peer(r, err);
}

static enum gw_status pull(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *sum, struct gw_error *err)
{
	size_t got = 0;
	enum gw_status status = r->path->pull(r, pos, &got, err);
	*sum += got;
	return status;
}

enum gw_status gw_rdma_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct gw_rdma *r = gw_rdma_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	enum gw_status status = GW_OK;
	size_t sum = 0;
	pthread_mutex_lock(&r->lock);
	if (atomic_load(&r->down))
		status = gw_rdma_broken(r, err);
	while (!status) {
		sum += take(r, &pos);
		if (sum >= min)
			break;
		status = r->ready_len > 0 ? pull(r, &pos, &sum, err) : wait_for_more(r, sum, err);
	}
	pthread_mutex_unlock(&r->lock);
	if (!status)
		*got = sum;
	return status;
}

bool gw_rdma_readable(struct gw_transport *t, int timeout_ms)
{
	struct gw_rdma *r = gw_rdma_of(t);
	uint64_t deadline = timeout_ms == 0 ? 0 : gw_clock_deadline(timeout_ms);
	enum gw_status status = GW_OK;
	bool ready;
	pthread_mutex_lock(&r->lock);
	while (!(ready = r->ready_len > 0 || gw_rdma_broken(r, NULL)) && !status)
		status = gw_rdma_wait(r, deadline);
	pthread_mutex_unlock(&r->lock);
	return ready;
}

void gw_rdma_shutdown(struct gw_transport *t)
{
	struct gw_rdma *r = gw_rdma_of(t);
	atomic_store(&r->down, true);
	/* Wakes threads that sleep on the socket, and tells the peer. */
	r->tcp->ops->shutdown(r->tcp);
}

void gw_rdma_close(struct gw_transport *t)
{
	struct gw_rdma *r = gw_rdma_of(t);
	struct gw_transport *tcp = r->tcp;
	uint64_t deadline = gw_clock_deadline(CLOSE_MS);
	enum gw_status status = GW_OK;
	pthread_mutex_lock(&r->lock);
	if (r->path->closing && !gw_rdma_broken(r, NULL))
		r->path->closing(r);
	/* Destroying a queue pair drops what it has not sent yet. */
	while (!status && !gw_rdma_broken(r, NULL) && r->reaped < r->signalled)
		status = gw_rdma_wait(r, deadline);
	pthread_mutex_unlock(&r->lock);
	gw_rdma_free(r);
	tcp->ops->close(tcp);
}
