/* The fake's devices and objects. */
#include "transport/fake_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static struct {
	char function[32];
	atomic_uint left;
	atomic_uint any_left;
	atomic_bool struck;
} fault;

void fake_broken(const char *rule)
{
	fprintf(stderr, "fake verbs: broken rule: %s\n", rule);
	fake.rules_broken++;
}

void fake_fail(const char *function, unsigned nth)
{
	snprintf(fault.function, sizeof(fault.function), "%s", function);
	atomic_store(&fault.left, nth);
	atomic_store(&fault.struck, false);
}

void fake_fail_any(unsigned nth)
{
	atomic_store(&fault.any_left, nth);
	atomic_store(&fault.struck, false);
}

bool fake_struck(void)
{
	return atomic_load(&fault.struck);
}

static bool count_down(atomic_uint *left)
{
	unsigned n = atomic_load(left);
	while (n > 0 && !atomic_compare_exchange_weak(left, &n, n - 1))
		;
	return n == 1;
}

bool fake_strikes(const char *function, bool setup)
{
	bool hit = strcmp(fault.function, function) == 0 && count_down(&fault.left);
	hit |= setup && count_down(&fault.any_left);
	if (hit) {
		atomic_store(&fault.struck, true);
		errno = ENOMEM;
	}
	return hit;
}

static struct ibv_device **get_device_list(int *n)
{
	if (fake_strikes("get_device_list", true))
		return NULL;
	struct ibv_device **list = calloc((size_t)fake.n_devices + 1, sizeof(struct ibv_device *));
	for (int i = 0; list && i < fake.n_devices; i++)
		list[i] = &fake.devices[i].base;
	*n = fake.n_devices;
	return list;
}

static void free_device_list(struct ibv_device **list)
{
	free(list);
}

static const char *get_device_name(struct ibv_device *device)
{
	return device->name;
}

static struct ibv_context *open_device(struct ibv_device *device)
{
	if (fake_strikes("open_device", true))
		return NULL;
	struct ibv_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	context->device = device;
	context->ops.post_send = fake_post_send;
	context->ops.post_recv = fake_post_recv;
	context->ops.poll_cq = fake_poll_cq;
	context->ops.req_notify_cq = fake_req_notify;
	pthread_mutex_lock(&fake.lock);
	fake.counts.contexts++;
	pthread_mutex_unlock(&fake.lock);
	return context;
}

static int close_device(struct ibv_context *context)
{
	pthread_mutex_lock(&fake.lock);
	fake.counts.contexts--;
	pthread_mutex_unlock(&fake.lock);
	free(context);
	return 0;
}

static struct fake_dev *dev_of(struct ibv_context *context)
{
	return (struct fake_dev *)context->device;
}

static int query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	if (fake_strikes("query_device", true))
		return ENOMEM;
	*attr = (struct ibv_device_attr){
		.phys_port_cnt = (uint8_t)dev_of(context)->n_ports, .max_qp_rd_atom = 16, .max_qp_init_rd_atom = 16};
	return 0;
}

static int query_port(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *attr)
{
	if (fake_strikes("query_port", true))
		return ENOMEM;
	memcpy(attr, &dev_of(context)->ports[port - 1].attr, offsetof(struct ibv_port_attr, port_cap_flags2));
	return 0;
}

static ssize_t query_gid_table(
	struct ibv_context *context, struct ibv_gid_entry *entries, size_t max, uint32_t flags, size_t size)
{
	static const union ibv_gid zero;
	const struct fake_dev *dev = dev_of(context);
	size_t n = 0;
	(void)flags;
	if (fake_strikes("query_gid_table", true))
		return -ENOMEM;
	/* The kernel's interface stores the length of an attribute in 16 bits. */
	if (max * size > UINT16_MAX)
		return -EINVAL;
	for (int p = 0; p < dev->n_ports; p++)
		for (int i = 0; i < FAKE_GIDS && n < max; i++)
			if (memcmp(&dev->ports[p].gids[i].gid, &zero, sizeof(zero)) || dev->ports[p].gids[i].port_num)
				entries[n++] = dev->ports[p].gids[i];
	return (ssize_t)n;
}

static struct ibv_pd *alloc_pd(struct ibv_context *context)
{
	if (fake_strikes("alloc_pd", true))
		return NULL;
	struct ibv_pd *pd = calloc(1, sizeof(*pd));
	if (!pd)
		return NULL;
	pd->context = context;
	pthread_mutex_lock(&fake.lock);
	fake.counts.pds++;
	pthread_mutex_unlock(&fake.lock);
	return pd;
}

static int dealloc_pd(struct ibv_pd *pd)
{
	pthread_mutex_lock(&fake.lock);
	fake.counts.pds--;
	for (uint32_t i = 0; i < FAKE_MRS; i++)
		if (fake.mrs[i] && fake.mrs[i]->live && fake.mrs[i]->base.pd == pd)
			fake_broken("a domain was freed before its regions");
	for (uint32_t i = 0; i < FAKE_QPS; i++)
		if (fake.qps[i] && fake.qps[i]->base.pd == pd)
			fake_broken("a domain was freed before its queue pairs");
	pthread_mutex_unlock(&fake.lock);
	free(pd);
	return 0;
}

static struct ibv_mr *reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	if (fake_strikes("reg_mr", true))
		return NULL;
	pthread_mutex_lock(&fake.lock);
	if (access & IBV_ACCESS_REMOTE_WRITE)
		fake_broken("a region can be written by the peer");
	uint32_t key = fake.next_key++ % FAKE_MRS;
	if (!fake.mrs[key])
		fake.mrs[key] = calloc(1, sizeof(struct fake_mr));
	struct fake_mr *mr = fake.mrs[key];
	*mr = (struct fake_mr){.access = access, .live = true};
	mr->base.context = pd->context;
	mr->base.pd = pd;
	mr->base.addr = addr;
	mr->base.length = length;
	mr->base.lkey = mr->base.rkey = key;
	fake.counts.mrs++;
	pthread_mutex_unlock(&fake.lock);
	return &mr->base;
}

static bool inside(const struct fake_mr *mr, uint64_t addr, size_t n)
{
	uint64_t start = (uint64_t)(uintptr_t)mr->base.addr;
	return addr >= start && addr - start <= mr->base.length && n <= mr->base.length - (addr - start);
}

bool fake_covers(struct ibv_pd *pd, uint32_t key, uint64_t addr, size_t n, int access)
{
	const struct fake_mr *mr = key < FAKE_MRS ? fake.mrs[key] : NULL;
	return mr && mr->live && mr->base.pd == pd && (mr->access & access) == access && inside(mr, addr, n);
}

static bool in_use(const struct fake_qp *qp, const struct fake_mr *mr)
{
	for (unsigned i = 0; i < qp->recv_len; i++)
		if (qp->recvs[(qp->recv_head + i) % FAKE_DEPTH].sge.lkey == mr->base.lkey)
			return true;
	for (unsigned i = 0; i < qp->send_len; i++) {
		const struct fake_send *s = &qp->sends[(qp->send_head + i) % FAKE_DEPTH];
		if (!(s->wr.send_flags & IBV_SEND_INLINE) && s->sge.lkey == mr->base.lkey)
			return true;
	}
	return false;
}

static int dereg_mr(struct ibv_mr *base)
{
	struct fake_mr *mr = (struct fake_mr *)base;
	pthread_mutex_lock(&fake.lock);
	for (uint32_t i = 0; i < FAKE_QPS; i++)
		if (fake.qps[i] && fake.qps[i]->base.state != IBV_QPS_ERR && in_use(fake.qps[i], mr))
			fake_broken("a region was freed while a queue pair had work in it");
	mr->live = false;
	fake.counts.mrs--;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static struct ibv_comp_channel *create_comp_channel(struct ibv_context *context)
{
	if (fake_strikes("create_comp_channel", true))
		return NULL;
	struct ibv_comp_channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		return NULL;
	channel->context = context;
	channel->fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	pthread_mutex_lock(&fake.lock);
	fake.counts.channels++;
	pthread_mutex_unlock(&fake.lock);
	return channel;
}

static int destroy_comp_channel(struct ibv_comp_channel *channel)
{
	pthread_mutex_lock(&fake.lock);
	if (channel->refcnt)
		fake_broken("a channel was freed before its queue");
	fake.counts.channels--;
	pthread_mutex_unlock(&fake.lock);
	close(channel->fd);
	free(channel);
	return 0;
}

static struct ibv_cq *create_cq(
	struct ibv_context *context, int cqe, void *cq_context, struct ibv_comp_channel *channel, int vector)
{
	(void)vector;
	if (fake_strikes("create_cq", true))
		return NULL;
	struct fake_cq *cq = calloc(1, sizeof(*cq));
	if (!cq)
		return NULL;
	cq->base.context = context;
	cq->base.channel = channel;
	cq->base.cq_context = cq_context;
	cq->base.cqe = cqe;
	pthread_mutex_lock(&fake.lock);
	channel->refcnt++;
	fake.counts.cqs++;
	pthread_mutex_unlock(&fake.lock);
	return &cq->base;
}

static int destroy_cq(struct ibv_cq *base)
{
	struct fake_cq *cq = (struct fake_cq *)base;
	pthread_mutex_lock(&fake.lock);
	for (uint32_t i = 0; i < FAKE_QPS; i++)
		if (fake.qps[i] && fake.qps[i]->base.send_cq == base)
			fake_broken("a completion queue was freed before its queue pair");
	if (cq->events_got != cq->events_acked)
		fake_broken("a completion queue was freed with events that were not acknowledged: this blocks");
	base->channel->refcnt--;
	fake.counts.cqs--;
	pthread_mutex_unlock(&fake.lock);
	free(cq);
	return 0;
}

static int get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context)
{
	uint64_t one;
	if (fake_strikes("get_cq_event", false) || read(channel->fd, &one, sizeof(one)) != sizeof(one))
		return -1;
	/* Here a channel serves one queue, which its owner's context names. */
	pthread_mutex_lock(&fake.lock);
	for (uint32_t i = 0; i < FAKE_QPS; i++)
		if (fake.qps[i] && fake.qps[i]->base.send_cq->channel == channel)
			*cq = fake.qps[i]->base.send_cq;
	*cq_context = (*cq)->cq_context;
	((struct fake_cq *)*cq)->events_got++;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

static void ack_cq_events(struct ibv_cq *cq, unsigned n)
{
	pthread_mutex_lock(&fake.lock);
	((struct fake_cq *)cq)->events_acked += n;
	pthread_mutex_unlock(&fake.lock);
}

static struct ibv_qp *create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	if (fake_strikes("create_qp", true))
		return NULL;
	struct fake_qp *qp = calloc(1, sizeof(*qp));
	if (!qp)
		return NULL;
	attr->cap.max_inline_data = 316;
	qp->cap = attr->cap;
	qp->base.context = pd->context;
	qp->base.pd = pd;
	qp->base.send_cq = attr->send_cq;
	qp->base.recv_cq = attr->recv_cq;
	pthread_mutex_lock(&fake.lock);
	do
		qp->base.qp_num = ++fake.next_qpn;
	while (fake.qps[fake.next_qpn % FAKE_QPS]);
	fake.qps[fake.next_qpn % FAKE_QPS] = qp;
	fake.counts.qps++;
	pthread_mutex_unlock(&fake.lock);
	return &qp->base;
}

struct fake_qp *fake_find(uint32_t qpn)
{
	struct fake_qp *qp = fake.qps[qpn % FAKE_QPS];
	return qp && qp->base.qp_num == qpn ? qp : NULL;
}

static int to_state(struct fake_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	const int rtr = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
	const int rts = IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
			IBV_QP_MAX_QP_RD_ATOMIC;
	enum ibv_qp_state from = qp->base.state;
	if (attr->qp_state == IBV_QPS_INIT && from == IBV_QPS_RESET &&
		mask == (IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS))
		qp->init = *attr;
	else if (attr->qp_state == IBV_QPS_RTR && from == IBV_QPS_INIT && mask == rtr)
		qp->rtr = *attr;
	else if (attr->qp_state == IBV_QPS_RTS && from == IBV_QPS_RTR && mask == rts)
		qp->rts = *attr;
	else
		return EINVAL;
	qp->base.state = attr->qp_state;
	return 0;
}

static int modify_qp(struct ibv_qp *base, struct ibv_qp_attr *attr, int mask)
{
	struct fake_qp *qp = (struct fake_qp *)base;
	if (fake_strikes("modify_qp", true))
		return ENOMEM;
	pthread_mutex_lock(&fake.lock);
	int rc = 0;
	if (attr->qp_state == IBV_QPS_ERR)
		fake_to_error(qp);
	else
		rc = to_state(qp, attr, mask);
	if (rc)
		fake_broken("a queue pair was moved to a state without what that state needs");
	pthread_cond_broadcast(&fake.work);
	pthread_mutex_unlock(&fake.lock);
	return rc;
}

static int destroy_qp(struct ibv_qp *qp)
{
	pthread_mutex_lock(&fake.lock);
	fake.qps[qp->qp_num % FAKE_QPS] = NULL;
	fake.counts.qps--;
	pthread_mutex_unlock(&fake.lock);
	free(qp);
	return 0;
}

static const char *wc_status_str(enum ibv_wc_status status)
{
	switch (status) {
	case IBV_WC_SUCCESS:
		return "success";
	case IBV_WC_RETRY_EXC_ERR:
		return "transport retry counter exceeded";
	case IBV_WC_RNR_RETRY_EXC_ERR:
		return "RNR retry counter exceeded";
	case IBV_WC_WR_FLUSH_ERR:
		return "Work Request Flushed Error";
	default:
		return "error";
	}
}

static const struct gw_verbs table = {
	get_device_list,
	free_device_list,
	get_device_name,
	open_device,
	close_device,
	query_device,
	query_port,
	query_gid_table,
	alloc_pd,
	dealloc_pd,
	reg_mr,
	dereg_mr,
	create_comp_channel,
	destroy_comp_channel,
	create_cq,
	destroy_cq,
	get_cq_event,
	ack_cq_events,
	create_qp,
	modify_qp,
	destroy_qp,
	wc_status_str,
};

int fake_device(const char *name, enum ibv_transport_type type)
{
	struct fake_dev *dev = &fake.devices[fake.n_devices];
	snprintf(dev->base.name, sizeof(dev->base.name), "%s", name);
	dev->base.transport_type = type;
	return fake.n_devices++;
}

int fake_port(int device, int link_layer, enum ibv_mtu mtu, uint16_t lid)
{
	struct fake_dev *dev = &fake.devices[device];
	dev->ports[dev->n_ports].attr = (struct ibv_port_attr){.state = IBV_PORT_ACTIVE,
		.active_mtu = mtu,
		.max_mtu = IBV_MTU_4096,
		.gid_tbl_len = FAKE_GIDS,
		.lid = lid,
		.link_layer = (uint8_t)link_layer};
	return ++dev->n_ports;
}

void fake_port_state(int device, int port, enum ibv_port_state state)
{
	fake.devices[device].ports[port - 1].attr.state = state;
}

void fake_gid(int device, int port, unsigned index, enum ibv_gid_type type, const char *gid)
{
	struct ibv_gid_entry *entry = &fake.devices[device].ports[port - 1].gids[index];
	*entry = (struct ibv_gid_entry){.gid_index = index, .port_num = (uint32_t)port, .gid_type = type};
	if (inet_pton(AF_INET6, gid, entry->gid.raw) != 1)
		abort();
}

void fake_usual(void)
{
	int port = fake_port(fake_device("rxe0", IBV_TRANSPORT_IB), IBV_LINK_LAYER_ETHERNET, IBV_MTU_1024, 0);
	fake_gid(0, port, 0, IBV_GID_TYPE_ROCE_V2, "fe80::5054:ff:fe12:3456");
	fake_gid(0, port, 1, IBV_GID_TYPE_ROCE_V2, "::ffff:127.0.0.1");
}

static void forget(void)
{
	for (uint32_t i = 0; i < FAKE_MRS; i++) {
		free(fake.mrs[i]);
		fake.mrs[i] = NULL;
	}
	free(fake.messages);
	fake.messages = NULL;
	fake.n_messages = 0;
	memset(fake.devices, 0, sizeof(fake.devices));
	fake.n_devices = 0;
	fake.counts = (struct fake_counts){0};
	fake.rules_broken = fake.rnr = fake.path_mtu = 0;
	fake.next_key = fake.next_qpn = 16;
	fake.cut = fake.cut_reads = fake.twice = false;
	fake_fail("", 0);
	fake_fail_any(0);
}

void fake_start(void)
{
	forget();
	fake.running = true;
	if (pthread_create(&fake.thread, NULL, fake_wire_main, NULL))
		abort();
	gw_verbs_replace(&table);
}

unsigned fake_stop(void)
{
	const struct fake_counts *c = &fake.counts;
	pthread_mutex_lock(&fake.lock);
	fake.running = false;
	pthread_cond_broadcast(&fake.work);
	pthread_mutex_unlock(&fake.lock);
	pthread_join(fake.thread, NULL);
	gw_verbs_replace(NULL);
	if (c->contexts || c->pds || c->mrs || c->channels || c->cqs || c->qps)
		fake_broken("something was not freed");
	unsigned broken = fake.rules_broken;
	forget();
	return broken;
}

struct fake_counts fake_count(void)
{
	pthread_mutex_lock(&fake.lock);
	struct fake_counts counts = fake.counts;
	pthread_mutex_unlock(&fake.lock);
	return counts;
}

unsigned fake_rnr(void)
{
	pthread_mutex_lock(&fake.lock);
	unsigned rnr = fake.rnr;
	pthread_mutex_unlock(&fake.lock);
	return rnr;
}

uint32_t fake_last_qpn(void)
{
	pthread_mutex_lock(&fake.lock);
	uint32_t qpn = fake.next_qpn;
	pthread_mutex_unlock(&fake.lock);
	return qpn;
}

static struct ibv_qp_attr attr_of(uint32_t qpn, size_t offset)
{
	struct ibv_qp_attr attr = {0};
	pthread_mutex_lock(&fake.lock);
	const struct fake_qp *qp = fake_find(qpn);
	if (qp)
		memcpy(&attr, (const char *)qp + offset, sizeof(attr));
	pthread_mutex_unlock(&fake.lock);
	return attr;
}

struct ibv_qp_attr fake_rtr(uint32_t qpn)
{
	return attr_of(qpn, offsetof(struct fake_qp, rtr));
}

struct ibv_qp_attr fake_rts(uint32_t qpn)
{
	return attr_of(qpn, offsetof(struct fake_qp, rts));
}

void fake_cut(bool cut)
{
	pthread_mutex_lock(&fake.lock);
	fake.cut = cut;
	pthread_mutex_unlock(&fake.lock);
}

void fake_cut_reads(bool cut)
{
	pthread_mutex_lock(&fake.lock);
	fake.cut_reads = cut;
	pthread_mutex_unlock(&fake.lock);
}

void fake_deliver_twice(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.twice = true;
	pthread_mutex_unlock(&fake.lock);
}

void fake_path_mtu(unsigned bytes)
{
	pthread_mutex_lock(&fake.lock);
	fake.path_mtu = bytes;
	pthread_mutex_unlock(&fake.lock);
}
