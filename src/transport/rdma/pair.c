#include "transport/rdma/pair.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/thread.h"
#include "transport/rdma/wait.h"
#include "transport/rdma/work.h"
#include "transport/tcp/stream.h"
#include "transport/tls/tls.h"

#define PSN_MASK 0xffffffu
/* A packet that is not acknowledged is sent again after 268 ms and abandoned after the 7th attempt. A busy or emulated
 * machine may pause for half a second, and TCP shows a peer that was killed anyway. Some devices take a retry count of
 * 7 for unlimited. */
#define TIMEOUT 16
#define RETRY_CNT 6
#define MTU_MIN IBV_MTU_256
#define INLINE 256
#define HUGE_PAGE ((size_t)2 << 20) /* bytes, of x86-64 and of arm64 with pages of 4 KiB; a hint only */

static unsigned mtu_bytes(unsigned mtu)
{
	return 128u << mtu;
}

/* The local address of a connection, as a GID holds it. */
static enum gw_status local_address(const struct gw_transport *tcp, uint8_t out[16], struct gw_error *why)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	int fd = gw_stream_tcp_fd(gw_tls_inner(tcp));
	if (fd < 0)
		return gw_error_set(why, GW_ERR_UNSUPPORTED, "the connection is not TCP");
	if (getsockname(fd, (struct sockaddr *)&address, &len))
		return gw_error_errno(why, GW_ERR_SYSTEM, errno, "getsockname");
	if (address.ss_family == AF_INET6) {
		memcpy(out, &((struct sockaddr_in6 *)&address)->sin6_addr, 16);
		return GW_OK;
	}
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, &((struct sockaddr_in *)&address)->sin_addr, 4);
	return GW_OK;
}

static enum gw_status make_qp(struct gw_rdma *r, struct gw_error *why)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = r->cq,
		.recv_cq = r->cq,
		.qp_type = IBV_QPT_RC,
		.cap = {.max_send_wr = GW_RDMA_MAX_TX,
			.max_recv_wr = GW_RDMA_MAX_RX,
			.max_send_sge = 1,
			.max_recv_sge = 1,
			.max_inline_data = INLINE},
	};
	r->qp = r->v->create_qp(r->pd, &attr);
	if (!r->qp)
		return gw_error_errno(why, GW_ERR_SYSTEM, errno, "%s: no queue pair", r->port.device);
	r->inline_max = attr.cap.max_inline_data;
	return GW_OK;
}

static enum gw_status make(struct gw_rdma *r, struct gw_error *why)
{
	struct ibv_context *context = r->port.context;
	r->pd = r->v->alloc_pd(context);
	if (!r->pd)
		return gw_error_errno(why, GW_ERR_SYSTEM, errno, "%s: no protection domain", r->port.device);
	r->channel = r->v->create_comp_channel(context);
	if (!r->channel)
		return gw_error_errno(why, GW_ERR_SYSTEM, errno, "%s: no completion channel", r->port.device);
	r->cq = r->v->create_cq(context, GW_RDMA_MAX_TX + GW_RDMA_MAX_RX, r, r->channel, 0);
	if (!r->cq)
		return gw_error_errno(why, GW_ERR_SYSTEM, errno, "%s: no completion queue", r->port.device);
	return make_qp(r, why);
}

static struct gw_rdma *rdma_new(const struct gw_verbs *v)
{
	struct gw_rdma *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	gw_cond_init(&r->changed);
	pthread_mutex_init(&r->lock, NULL);
	r->v = v;
	r->tcp_fd = -1;
	r->spin_ns = gw_rdma_spin_ns();
	if (getrandom(&r->random_psn, sizeof(r->random_psn), 0) < 0)
		r->random_psn = (uint32_t)time(NULL);
	return r;
}

static void log_probed(const struct gw_rdma *r)
{
	if (r->port.kind == GW_RDMA_INFINIBAND)
		gw_log_info("RDMA probed: dev=%s lid=%u InfiniBand qpn=%u inline=%u", r->port.device, r->port.lid,
			r->qp->qp_num, r->inline_max);
	else
		gw_log_info("RDMA probed: dev=%s gid=%u RoCEv%d qpn=%u inline=%u", r->port.device, r->port.gid_index,
			r->port.roce_v2 ? 2 : 1, r->qp->qp_num, r->inline_max);
}

enum gw_status gw_rdma_open(struct gw_transport *tcp, unsigned kinds, struct gw_rdma **out, struct gw_error *why)
{
	uint8_t address[16];
	enum gw_status status = local_address(tcp, address, why);
	if (status)
		return status;
	const struct gw_verbs *v = gw_verbs_get(why);
	if (!v)
		return GW_ERR_NOT_FOUND;
	struct gw_rdma *r = rdma_new(v);
	if (!r)
		return gw_error_set(why, GW_ERR_NOMEM, "no memory for a queue pair");
	status = gw_rdma_select(v, address, kinds, &r->port, why);
	if (!status)
		status = make(r, why);
	if (status) {
		gw_rdma_free(r);
		return status;
	}
	r->tcp = tcp;
	log_probed(r);
	*out = r;
	return GW_OK;
}

void gw_rdma_local(const struct gw_rdma *r, const struct gw_rdma_path *path, struct gw_rdma_address *out)
{
	*out = (struct gw_rdma_address){
		.kind = r->port.kind,
		.qpn = r->qp->qp_num,
		.psn = (path->random_psn ? r->random_psn : r->qp->qp_num) & PSN_MASK,
		.lid = r->port.lid,
		.mtu = (uint8_t)r->port.mtu,
		.reads = r->port.max_reads,
	};
	memcpy(out->gid, r->port.gid.raw, sizeof(out->gid));
}

static enum gw_status no_registration(const struct gw_rdma *r, int errnum, struct gw_error *err)
{
	struct rlimit limit = {0};
	char remedy[100] = "";
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur != RLIM_INFINITY)
		snprintf(remedy, sizeof(remedy), "; raise the memlock limit, which is %llu KiB (ulimit -l)",
			(unsigned long long)limit.rlim_cur >> 10);
	return gw_error_because(err, GW_UPGRADE_CAUSE_NO_MEMORY,
		gw_error_errno(
			err, GW_ERR_NOMEM, errnum, "%zu KiB cannot be registered%s", r->memory_size >> 10, remedy));
}

/* New memory at a multiple of HUGE_PAGE. MAP_FAILED with errno on failure. */
static void *map_aligned(size_t size)
{
	uint8_t *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return memory;
	size_t before = HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE;
	munmap(memory, before);
	if (before < HUGE_PAGE)
		munmap(memory + before + size, HUGE_PAGE - before);
	return memory + before;
}

static enum gw_status make_memory(struct gw_rdma *r, struct gw_error *err)
{
	r->memory_size = (r->path->rx_slots + r->path->tx_slots) * r->path->slot;
	void *memory = map_aligned(r->memory_size);
	if (memory == MAP_FAILED)
		return gw_error_errno(err, GW_ERR_NOMEM, errno, "no memory for RDMA");
	r->memory = memory;
	/* All of it is faulted in and locked at once, which takes several times as long page by page. */
	(void)madvise(memory, r->memory_size, MADV_HUGEPAGE);
	/* Copy-on-write after a fork must not move pages that the device writes to. */
	(void)madvise(memory, r->memory_size, MADV_DONTFORK);
	r->mr = r->v->reg_mr(r->pd, memory, r->memory_size, IBV_ACCESS_LOCAL_WRITE);
	return r->mr ? GW_OK : no_registration(r, errno, err);
}

static enum gw_status to_state(
	struct gw_rdma *r, struct ibv_qp_attr *attr, int mask, const char *name, struct gw_error *err)
{
	int rc = r->v->modify_qp(r->qp, attr, mask | IBV_QP_STATE);
	if (rc == 0)
		return GW_OK;
	return gw_error_because(err, GW_UPGRADE_CAUSE_NO_ROUTE,
		gw_error_errno(
			err, GW_ERR_SYSTEM, rc, "%s: the queue pair cannot be moved to %s", r->port.device, name));
}

static enum gw_status to_init(struct gw_rdma *r, struct gw_error *err)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = r->port.number,
		.qp_access_flags = (unsigned)r->path->access,
	};
	return to_state(r, &attr, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS, "INIT", err);
}

static struct ibv_ah_attr route(const struct gw_rdma *r, const struct gw_rdma_address *peer)
{
	struct ibv_ah_attr ah = {.port_num = r->port.number};
	if (peer->kind == GW_RDMA_INFINIBAND) {
		ah.dlid = peer->lid;
		return ah;
	}
	ah.is_global = 1;
	ah.grh.sgid_index = r->port.gid_index;
	ah.grh.hop_limit = r->path->hop_limit;
	memcpy(ah.grh.dgid.raw, peer->gid, sizeof(peer->gid));
	return ah;
}

static enum gw_status to_rtr(struct gw_rdma *r, const struct gw_rdma_address *peer, struct gw_error *err)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = r->port.mtu,
		.dest_qp_num = peer->qpn,
		.rq_psn = peer->psn,
		.max_dest_rd_atomic = r->path->announced ? r->port.max_reads : 1,
		.min_rnr_timer = r->path->min_rnr_timer,
		.ah_attr = route(r, peer),
	};
	if (r->path->announced && peer->mtu >= MTU_MIN && peer->mtu < attr.path_mtu)
		attr.path_mtu = (enum ibv_mtu)peer->mtu;
	r->mtu = mtu_bytes(attr.path_mtu);
	return to_state(r, &attr,
		IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			IBV_QP_MIN_RNR_TIMER,
		"RTR", err);
}

static enum gw_status to_rts(struct gw_rdma *r, uint32_t psn, const struct gw_rdma_address *peer, struct gw_error *err)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = TIMEOUT,
		.retry_cnt = RETRY_CNT,
		.rnr_retry = r->path->rnr_retry,
		.sq_psn = psn,
		.max_rd_atomic = 1,
	};
	if (r->path->announced)
		attr.max_rd_atomic = peer->reads < r->port.max_reads ? peer->reads : r->port.max_reads;
	return to_state(r, &attr,
		IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC, "RTS",
		err);
}

enum gw_status gw_rdma_activate(
	struct gw_rdma *r, const struct gw_rdma_path *path, const struct gw_rdma_address *peer, struct gw_error *err)
{
	struct gw_rdma_address local;
	if (peer->kind != r->port.kind)
		return gw_error_because(err, GW_UPGRADE_CAUSE_NO_ADDRESS,
			gw_error_set(err, GW_ERR_UNSUPPORTED, "one end is on Ethernet, the other on InfiniBand"));
	r->path = path;
	r->peer_qpn = peer->qpn;
	if (path->begin)
		path->begin(r, peer);
	gw_rdma_local(r, path, &local);
	enum gw_status status = make_memory(r, err);
	if (!status)
		status = to_init(r, err);
	for (unsigned slot = 0; !status && slot < r->path->rx_slots; slot++) {
		gw_rdma_post_recv(r, slot);
		status = gw_rdma_broken(r, err);
	}
	if (!status)
		status = to_rtr(r, peer, err);
	if (!status)
		status = to_rts(r, local.psn, peer, err);
	return status;
}

void gw_rdma_stop(struct gw_rdma *r)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_ERR};
	(void)r->v->modify_qp(r->qp, &attr, IBV_QP_STATE);
}

struct gw_transport *gw_rdma_start(struct gw_rdma *r)
{
	r->base.ops = &r->path->transport;
	memcpy(r->base.peer, r->tcp->peer, sizeof(r->base.peer));
	memcpy(r->base.identity, r->tcp->identity, sizeof(r->base.identity));
	/* From here on TCP only ends: nothing is left to encrypt. */
	r->tcp = gw_tls_unwrap(r->tcp);
	r->tcp_fd = gw_stream_tcp_fd(r->tcp);
	gw_log_info(
		"RDMA activated: qpn=%u->%u mtu=%u rx_depth=%u", r->qp->qp_num, r->peer_qpn, r->mtu, r->path->rx_slots);
	return &r->base;
}

void gw_rdma_free(struct gw_rdma *r)
{
	if (!r)
		return;
	if (r->qp)
		r->v->destroy_qp(r->qp);
	gw_rdma_registrations_free(&r->ggwire.registrations);
	if (r->mr)
		r->v->dereg_mr(r->mr);
	if (r->memory)
		munmap(r->memory, r->memory_size);
	if (r->cq) {
		if (r->events)
			r->v->ack_cq_events(r->cq, r->events);
		r->v->destroy_cq(r->cq);
	}
	if (r->channel)
		r->v->destroy_comp_channel(r->channel);
	if (r->pd)
		r->v->dealloc_pd(r->pd);
	if (r->port.context)
		r->v->close_device(r->port.context);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
