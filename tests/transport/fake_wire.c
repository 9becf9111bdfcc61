/* The fake's data path: queues, completions, and the thread that acts as the network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/fake_private.h"

#define MAX_MESSAGES 200000
#define TICK_NS 2000000

void fake_push(struct ibv_cq *base, const struct ibv_wc *wc, unsigned reaps)
{
	struct fake_cq *cq = (struct fake_cq *)base;
	const uint64_t one = 1;
	if ((int)cq->len >= base->cqe) {
		fake_broken("a completion queue overran");
		return;
	}
	unsigned at = (cq->head + cq->len++) % (2 * FAKE_DEPTH);
	cq->wc[at] = *wc;
	cq->reaps[at] = reaps;
	if (cq->armed && write(base->channel->fd, &one, sizeof(one)) == sizeof(one))
		cq->armed = false;
}

int fake_poll_cq(struct ibv_cq *base, int n, struct ibv_wc *wc)
{
	struct fake_cq *cq = (struct fake_cq *)base;
	int got = 0;
	if (fake_strikes("poll_cq", false))
		return -1;
	pthread_mutex_lock(&fake.lock);
	for (; got < n && cq->len > 0; got++) {
		wc[got] = cq->wc[cq->head];
		struct fake_qp *qp = fake_find(wc[got].qp_num);
		if (qp)
			qp->occupied -= cq->reaps[cq->head];
		cq->head = (cq->head + 1) % (2 * FAKE_DEPTH);
		cq->len--;
	}
	pthread_mutex_unlock(&fake.lock);
	return got;
}

int fake_req_notify(struct ibv_cq *cq, int solicited_only)
{
	(void)solicited_only;
	if (fake_strikes("req_notify_cq", false))
		return ENOMEM;
	pthread_mutex_lock(&fake.lock);
	((struct fake_cq *)cq)->armed = true;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static void complete_send(struct fake_qp *qp, const struct fake_send *s, enum ibv_wc_status status)
{
	bool signalled = status != IBV_WC_SUCCESS || (s->wr.send_flags & IBV_SEND_SIGNALED);
	qp->unsignalled++;
	if (!signalled)
		return;
	const struct ibv_wc wc = {.wr_id = s->wr.wr_id,
		.status = status,
		.qp_num = qp->base.qp_num,
		.opcode = s->wr.opcode == IBV_WR_RDMA_READ ? IBV_WC_RDMA_READ : IBV_WC_SEND};
	fake_push(qp->base.send_cq, &wc, qp->unsignalled);
	qp->unsignalled = 0;
}

static void pop_send(struct fake_qp *qp, enum ibv_wc_status status)
{
	struct fake_send *s = &qp->sends[qp->send_head];
	qp->send_head = (qp->send_head + 1) % FAKE_DEPTH;
	qp->send_len--;
	qp->rnr = false;
	complete_send(qp, s, status);
}

static void complete_recv(struct fake_qp *qp, enum ibv_wc_status status, uint32_t length)
{
	const struct ibv_wc wc = {.wr_id = qp->recvs[qp->recv_head].wr_id,
		.status = status,
		.qp_num = qp->base.qp_num,
		.opcode = IBV_WC_RECV,
		.byte_len = length};
	qp->recv_head = (qp->recv_head + 1) % FAKE_DEPTH;
	qp->recv_len--;
	fake_push(qp->base.recv_cq, &wc, 0);
}

void fake_to_error(struct fake_qp *qp)
{
	qp->base.state = IBV_QPS_ERR;
	while (qp->send_len > 0)
		pop_send(qp, IBV_WC_WR_FLUSH_ERR);
	while (qp->recv_len > 0)
		complete_recv(qp, IBV_WC_WR_FLUSH_ERR, 0);
}

static void fail_send(struct fake_qp *qp, enum ibv_wc_status status)
{
	pop_send(qp, status);
	fake_to_error(qp);
}

/* The queue pair that receives this one's packets, if their parameters match. */
static struct fake_qp *receiver_of(struct fake_qp *qp)
{
	struct fake_qp *to = fake_find(qp->rtr.dest_qp_num);
	if (!to || (to->base.state != IBV_QPS_RTR && to->base.state != IBV_QPS_RTS))
		return NULL;
	if (to->rtr.dest_qp_num != qp->base.qp_num || to->rtr.rq_psn != qp->rts.sq_psn)
		return NULL;
	return to->rtr.path_mtu == qp->rtr.path_mtu ? to : NULL;
}

static bool arrives(const struct fake_qp *qp, const struct fake_send *s)
{
	unsigned mtu = 128u << qp->rtr.path_mtu;
	unsigned packet = s->sge.length < mtu ? s->sge.length : mtu;
	bool cut = fake.cut || (fake.cut_reads && s->wr.opcode == IBV_WR_RDMA_READ);
	return !cut && (!fake.path_mtu || packet <= fake.path_mtu);
}

static void *bytes_of(struct fake_send *s)
{
	return s->wr.send_flags & IBV_SEND_INLINE ? (void *)s->inlined : (void *)(uintptr_t)s->sge.addr;
}

static bool source_ok(struct fake_qp *qp, const struct fake_send *s, int access)
{
	if (s->sge.length == 0 || (s->wr.send_flags & IBV_SEND_INLINE) ||
		fake_covers(qp->base.pd, s->sge.lkey, s->sge.addr, s->sge.length, access))
		return true;
	fake_broken("work was posted with memory that is not registered for it");
	return false;
}

/* Delivers the head SEND. Returns whether it is complete. */
static bool deliver_send(struct fake_qp *qp, struct fake_qp *to, struct fake_send *s)
{
	if (!source_ok(qp, s, 0)) {
		fail_send(qp, IBV_WC_LOC_PROT_ERR);
		return true;
	}
	if (to->recv_len == 0) {
		fake.rnr += !qp->rnr;
		qp->rnr = true;
		if (qp->rts.rnr_retry == 7)
			return false;
		fail_send(qp, IBV_WC_RNR_RETRY_EXC_ERR);
		return true;
	}
	const struct fake_recv *r = &to->recvs[to->recv_head];
	if (r->sge.length < s->sge.length) {
		complete_recv(to, IBV_WC_LOC_LEN_ERR, 0);
		fake_to_error(to);
		fail_send(qp, IBV_WC_REM_INV_REQ_ERR);
		return true;
	}
	if (!fake_covers(to->base.pd, r->sge.lkey, r->sge.addr, r->sge.length, IBV_ACCESS_LOCAL_WRITE))
		fake_broken("a receive's memory is not registered");
	else if (s->sge.length)
		memcpy((void *)(uintptr_t)r->sge.addr, bytes_of(s), s->sge.length);
	complete_recv(to, IBV_WC_SUCCESS, s->sge.length);
	if (fake.twice)
		fake.twice = false;
	else
		pop_send(qp, IBV_WC_SUCCESS);
	return true;
}

static bool deliver_read(struct fake_qp *qp, struct fake_qp *to, struct fake_send *s)
{
	uint64_t from = s->wr.wr.rdma.remote_addr;
	if (!source_ok(qp, s, IBV_ACCESS_LOCAL_WRITE)) {
		fail_send(qp, IBV_WC_LOC_PROT_ERR);
	} else if (!(to->init.qp_access_flags & IBV_ACCESS_REMOTE_READ) ||
		   !fake_covers(to->base.pd, s->wr.wr.rdma.rkey, from, s->sge.length, IBV_ACCESS_REMOTE_READ)) {
		fake_to_error(to);
		fail_send(qp, IBV_WC_REM_ACCESS_ERR);
	} else {
		memcpy((void *)(uintptr_t)s->sge.addr, (const void *)(uintptr_t)from, s->sge.length);
		pop_send(qp, IBV_WC_SUCCESS);
	}
	return true;
}

/* Moves all data that can move on one queue pair. */
static bool advance(struct fake_qp *qp, uint64_t now)
{
	bool moved = false;
	while (qp->base.state == IBV_QPS_RTS && qp->send_len > 0) {
		struct fake_send *s = &qp->sends[qp->send_head];
		struct fake_qp *to = receiver_of(qp);
		bool through = false;
		if (!s->posted)
			s->posted = now;
		if (to && arrives(qp, s))
			through = s->wr.opcode == IBV_WR_SEND ? deliver_send(qp, to, s) : deliver_read(qp, to, s);
		else if (now - s->posted >= FAKE_RETRY_NS) {
			fail_send(qp, IBV_WC_RETRY_EXC_ERR);
			through = true;
		}
		if (!through)
			break;
		moved = true;
	}
	return moved;
}

static bool advance_all(void)
{
	uint64_t now = gw_clock_ns();
	bool moved = false;
	for (uint32_t i = 0; i < FAKE_QPS; i++)
		if (fake.qps[i])
			moved |= advance(fake.qps[i], now);
	return moved;
}

void *fake_wire_main(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&fake.lock);
	while (fake.running) {
		if (advance_all())
			continue;
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&fake.work, &fake.lock, &until);
	}
	pthread_mutex_unlock(&fake.lock);
	return NULL;
}

static void record(const struct fake_qp *qp, struct fake_send *s)
{
	if (!fake.messages)
		fake.messages = calloc(MAX_MESSAGES, sizeof(*fake.messages));
	if (!fake.messages || fake.n_messages == MAX_MESSAGES)
		return;
	fake.messages[fake.n_messages++] = (struct fake_message){.qpn = qp->base.qp_num,
		.length = s->sge.length,
		.opcode = s->wr.opcode,
		.first = s->wr.opcode == IBV_WR_SEND && s->sge.length ? *(uint8_t *)bytes_of(s) : 0};
}

size_t fake_messages(const struct fake_message **out)
{
	*out = fake.messages;
	return fake.n_messages;
}

void fake_forget_messages(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.n_messages = 0;
	pthread_mutex_unlock(&fake.lock);
}

static int queue_send(struct fake_qp *qp, const struct ibv_send_wr *wr)
{
	if (qp->base.state != IBV_QPS_RTS && qp->base.state != IBV_QPS_ERR)
		return EINVAL;
	if (qp->occupied >= qp->cap.max_send_wr || wr->num_sge > 1)
		return ENOMEM;
	struct fake_send *s = &qp->sends[(qp->send_head + qp->send_len) % FAKE_DEPTH];
	*s = (struct fake_send){.wr = *wr};
	if (wr->num_sge)
		s->sge = wr->sg_list[0];
	if (wr->send_flags & IBV_SEND_INLINE) {
		if (!wr->num_sge || s->sge.length > qp->cap.max_inline_data)
			return EINVAL;
		memcpy(s->inlined, (const void *)(uintptr_t)s->sge.addr, s->sge.length);
	}
	qp->send_len++;
	qp->occupied++;
	record(qp, s);
	if (qp->base.state == IBV_QPS_ERR)
		fake_to_error(qp);
	return 0;
}

int fake_post_send(struct ibv_qp *base, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	if (fake_strikes("post_send", false)) {
		*bad = wr;
		return ENOMEM;
	}
	pthread_mutex_lock(&fake.lock);
	int rc = 0;
	for (; wr && !rc; wr = wr->next) {
		rc = queue_send((struct fake_qp *)base, wr);
		if (rc)
			*bad = wr;
	}
	if (rc)
		fake_broken("a send was posted that the queue pair cannot take");
	pthread_cond_broadcast(&fake.work);
	pthread_mutex_unlock(&fake.lock);
	return rc;
}

int fake_post_recv(struct ibv_qp *base, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct fake_qp *qp = (struct fake_qp *)base;
	if (fake_strikes("post_recv", false)) {
		*bad = wr;
		return ENOMEM;
	}
	pthread_mutex_lock(&fake.lock);
	bool full = qp->recv_len >= qp->cap.max_recv_wr;
	if (full || base->state == IBV_QPS_RESET || wr->next || wr->num_sge != 1) {
		fake_broken("a receive was posted that the queue pair cannot take");
		*bad = wr;
		pthread_mutex_unlock(&fake.lock);
		return ENOMEM;
	}
	qp->recvs[(qp->recv_head + qp->recv_len++) % FAKE_DEPTH] = (struct fake_recv){wr->wr_id, wr->sg_list[0]};
	if (base->state == IBV_QPS_ERR)
		fake_to_error(qp);
	pthread_cond_broadcast(&fake.work);
	pthread_mutex_unlock(&fake.lock);
	return 0;
}
