#include "stock_rdma.h"

#include <infiniband/verbs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "measure.h"
#include "queue_pair.h"

enum {
	SLOT = 256 << 10,
	RECEIVES = 24,
	EXTRA = 4,
	SENDS = 4,
	SENT_ENTRIES = 16,
	INLINE = 256,
	TIMEOUT = 14,
	FOREVER = 7,   /* retries without limit */
	LOOK = 1 << 20 /* empty polls between looks at the socket */
};

#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)

struct stock {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *sent, *received;
	struct ibv_qp *qp;
	struct ibv_mr *tx_mr, *rx_mr;
	uint8_t *tx, *rx;
	uint32_t inline_max;
	uint8_t gid_index;
	enum ibv_mtu mtu;
};

/* The layout of the bytes that stock peers announce. */
struct caps {
	uint32_t qpn, psn;
	union ibv_gid gid;
};

_Static_assert(sizeof(struct caps) == STOCK_CAPS, "as it travels");

static void must(bool ok, const char *what)
{
	if (!ok)
		die_errno(what);
}

static uint8_t *memory(size_t size)
{
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(bytes != MAP_FAILED, "mmap");
	return bytes;
}

static void post_receive(struct stock *s, uint64_t slot)
{
	struct ibv_sge sge = {(uintptr_t)(s->rx + slot * SLOT), SLOT, s->rx_mr->lkey};
	struct ibv_recv_wr wr = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
	must(!ibv_post_recv(s->qp, &wr, &bad), "ibv_post_recv");
}

static void post_receives(void *stock)
{
	for (uint64_t slot = 0; slot < RECEIVES; slot++)
		post_receive(stock, slot);
}

static void open_device(struct stock *s, union ibv_gid *gid)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_port_attr port;
	must(list && list[0], "no RDMA device");
	s->context = ibv_open_device(list[0]);
	must(s->context != NULL, "ibv_open_device");
	ibv_free_device_list(list);
	must(!ibv_query_port(s->context, 1, &port), "ibv_query_port");
	must(!ibv_query_gid(s->context, 1, s->gid_index, gid), "ibv_query_gid");
	s->mtu = port.active_mtu;
}

static void make_queue_pair(struct stock *s)
{
	s->pd = ibv_alloc_pd(s->context);
	s->sent = ibv_create_cq(s->context, SENT_ENTRIES, NULL, NULL, 0);
	s->received = ibv_create_cq(s->context, RECEIVES + EXTRA, NULL, NULL, 0);
	must(s->pd && s->sent && s->received, "ibv_create_cq");
	struct ibv_qp_init_attr attr = {.send_cq = s->sent,
		.recv_cq = s->received,
		.qp_type = IBV_QPT_RC,
		.cap = {SENDS, RECEIVES + EXTRA, 1, 1, INLINE}};
	s->qp = ibv_create_qp(s->pd, &attr);
	must(s->qp != NULL, "ibv_create_qp");
	s->inline_max = attr.cap.max_inline_data;
	s->tx = memory(SLOT);
	s->rx = memory((size_t)RECEIVES * SLOT);
	s->tx_mr = ibv_reg_mr(s->pd, s->tx, SLOT, IBV_ACCESS_LOCAL_WRITE);
	s->rx_mr = ibv_reg_mr(s->pd, s->rx, (size_t)RECEIVES * SLOT, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	must(s->tx_mr && s->rx_mr, "ibv_reg_mr");
}

struct stock *stock_new(uint8_t gid_index, uint8_t caps[STOCK_CAPS])
{
	struct stock *s = calloc(1, sizeof(*s));
	struct caps here;
	must(s != NULL, "calloc");
	s->gid_index = gid_index;
	open_device(s, &here.gid);
	make_queue_pair(s);
	here.qpn = here.psn = s->qp->qp_num;
	memcpy(caps, &here, sizeof(here));
	return s;
}

void stock_start(struct stock *s, const uint8_t caps[STOCK_CAPS])
{
	struct caps there;
	memcpy(&there, caps, sizeof(there));
	struct ibv_qp_attr init = {.port_num = 1, .qp_access_flags = ACCESS};
	struct ibv_qp_attr rtr = {.path_mtu = s->mtu,
		.dest_qp_num = there.qpn,
		.rq_psn = there.psn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 1,
		.ah_attr = {.is_global = 1, .port_num = 1}};
	struct ibv_qp_attr rts = {.timeout = TIMEOUT,
		.retry_cnt = FOREVER,
		.rnr_retry = FOREVER,
		.sq_psn = s->qp->qp_num,
		.max_rd_atomic = 1};
	rtr.ah_attr.grh.dgid = there.gid;
	rtr.ah_attr.grh.sgid_index = s->gid_index;
	rtr.ah_attr.grh.hop_limit = 1;
	const char *failed = queue_pair_up(s->qp, &init, &rtr, &rts, post_receives, s);
	if (failed)
		die_errno(failed);
}

static bool poll_once(struct ibv_cq *cq, struct ibv_wc *wc)
{
	int n = ibv_poll_cq(cq, 1, wc);
	if (n < 0 || (n > 0 && wc->status != IBV_WC_SUCCESS))
		die(n < 0 ? "ibv_poll_cq" : ibv_wc_status_str(wc->status));
	return n > 0;
}

static void send_piece(struct stock *s, const uint8_t *bytes, uint32_t n)
{
	struct ibv_sge sge = {(uintptr_t)bytes, n, s->tx_mr->lkey};
	struct ibv_send_wr wr = {.sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND}, *bad;
	struct ibv_wc wc;
	wr.send_flags = IBV_SEND_SIGNALED;
	if (n <= s->inline_max) {
		wr.send_flags |= IBV_SEND_INLINE;
	} else {
		memcpy(s->tx, bytes, n);
		sge.addr = (uintptr_t)s->tx;
	}
	must(!ibv_post_send(s->qp, &wr, &bad), "ibv_post_send");
	while (!poll_once(s->sent, &wc)) {
	}
}

void stock_send(struct stock *s, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	for (size_t done = 0; done < n; done += SLOT)
		send_piece(s, at + done, (uint32_t)(n - done < SLOT ? n - done : SLOT));
}

static bool peer_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0;
}

bool stock_recv(struct stock *s, int fd, void *bytes, size_t n)
{
	uint8_t *to = bytes;
	unsigned empty = 0;
	struct ibv_wc wc;
	for (size_t got = 0; got < n;) {
		if (!poll_once(s->received, &wc)) {
			if (++empty % LOOK == 0 && peer_gone(fd))
				return false;
			continue;
		}
		if (wc.byte_len > n - got)
			die("a SEND crosses the end of a unit");
		memcpy(to + got, s->rx + wc.wr_id * SLOT, wc.byte_len);
		got += wc.byte_len;
		post_receive(s, wc.wr_id);
	}
	return true;
}

void stock_free(struct stock *s)
{
	ibv_destroy_qp(s->qp);
	ibv_dereg_mr(s->tx_mr);
	ibv_dereg_mr(s->rx_mr);
	munmap(s->tx, SLOT);
	munmap(s->rx, (size_t)RECEIVES * SLOT);
	ibv_destroy_cq(s->sent);
	ibv_destroy_cq(s->received);
	ibv_dealloc_pd(s->pd);
	ibv_close_device(s->context);
	free(s);
}
