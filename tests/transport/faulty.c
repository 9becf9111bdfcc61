#include "transport/faulty.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/iov.h"

#define BATCH 16

const struct gw_fault_plan gw_fault_none = {
	.cut_send_after = UINT64_MAX,
	.cut_recv_after = UINT64_MAX,
	.corrupt_recv_at = UINT64_MAX,
};

struct fault {
	struct gw_transport base;
	struct gw_transport_ops ops; /* keeps_boundaries as in the inner transport */
	struct gw_transport *inner;
	struct gw_fault_plan plan;
	uint64_t sent;     /* used only by the sending thread */
	uint64_t received; /* used only by the receiving thread */
};

static struct fault *fault_of(struct gw_transport *t)
{
	return (struct fault *)t;
}

static void delay(const struct fault *f)
{
	struct timespec ts = {.tv_sec = f->plan.delay_us / 1000000, .tv_nsec = f->plan.delay_us % 1000000 * 1000L};
	if (f->plan.delay_us)
		nanosleep(&ts, NULL);
}

static enum gw_status cut(struct fault *f, struct gw_error *err)
{
	f->inner->ops->shutdown(f->inner);
	return gw_error_set(err, GW_ERR_LOST, "the connection was cut");
}

/* How many bytes the next step may move; 0 when the cut is reached. */
static size_t step_limit(const struct fault *f, uint64_t done, uint64_t cut_after)
{
	uint64_t limit = f->plan.max_chunk ? f->plan.max_chunk : SIZE_MAX;
	uint64_t left = cut_after == UINT64_MAX ? UINT64_MAX : cut_after - done;
	return (size_t)(left < limit ? left : limit);
}

static enum gw_status fault_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct fault *f = fault_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	delay(f);
	while (pos.n > 0) {
		struct iovec next[BATCH];
		int count = gw_iov_peek(&pos, next, BATCH, step_limit(f, f->sent, f->plan.cut_send_after));
		if (count == 0)
			return cut(f, err);
		enum gw_status status = f->inner->ops->sendv(f->inner, next, count, err);
		if (status)
			return status;
		size_t sent = 0;
		for (int i = 0; i < count; i++)
			sent += next[i].iov_len;
		f->sent += sent;
		gw_iov_advance(&pos, sent);
	}
	return GW_OK;
}

/* Flips the planned byte if it is among the got bytes that were just received into iov. */
static void corrupt(struct fault *f, const struct iovec *iov, size_t got)
{
	uint64_t at = f->plan.corrupt_recv_at;
	if (at < f->received || at - f->received >= got)
		return;
	size_t offset = (size_t)(at - f->received);
	while (offset >= iov->iov_len)
		offset -= (iov++)->iov_len;
	((uint8_t *)iov->iov_base)[offset] ^= 0xff;
}

static enum gw_status fault_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct fault *f = fault_of(t);
	struct gw_iov_pos pos = gw_iov_start(iov, n);
	size_t sum = 0;
	delay(f);
	while (sum < min) {
		struct iovec next[2];
		size_t part;
		int count = gw_iov_peek(&pos, next, 2, step_limit(f, f->received, f->plan.cut_recv_after));
		if (count == 0)
			return cut(f, err);
		enum gw_status status = f->inner->ops->recvv(f->inner, next, count, 1, &part, err);
		if (status == GW_ERR_CLOSED && sum > 0)
			return gw_error_set(
				err, GW_ERR_LOST, "the peer closed the connection in the middle of a message");
		if (status)
			return status;
		corrupt(f, next, part);
		f->received += part;
		gw_iov_advance(&pos, part);
		sum += part;
	}
	*got = sum;
	return GW_OK;
}

static bool fault_readable(struct gw_transport *t, int timeout_ms)
{
	struct fault *f = fault_of(t);
	return f->received == f->plan.cut_recv_after || f->inner->ops->readable(f->inner, timeout_ms);
}

static void fault_shutdown(struct gw_transport *t)
{
	struct fault *f = fault_of(t);
	f->inner->ops->shutdown(f->inner);
}

static void fault_close(struct gw_transport *t)
{
	struct fault *f = fault_of(t);
	f->inner->ops->close(f->inner);
	free(f);
}

enum gw_status gw_fault_wrap(struct gw_transport *inner, const struct gw_fault_plan *plan, struct gw_transport **out)
{
	struct fault *f = calloc(1, sizeof(*f));
	if (!f)
		return GW_ERR_NOMEM;
	f->ops = (struct gw_transport_ops){
		.name = "fault",
		.keeps_boundaries = inner->ops->keeps_boundaries,
		.max_unread = inner->ops->max_unread,
		.sendv = fault_sendv,
		.recvv = fault_recvv,
		.readable = fault_readable,
		.shutdown = fault_shutdown,
		.close = fault_close,
	};
	f->base.ops = &f->ops;
	memcpy(f->base.peer, inner->peer, sizeof(f->base.peer));
	f->inner = inner;
	f->plan = *plan;
	*out = &f->base;
	return GW_OK;
}
