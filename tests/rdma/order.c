/* Checks that an RDMA device delivers messages once and in order, even with packet loss. It uses verbs only, and none
 * of ggwire's code. Two ends take turns with SENDs of many lengths, each filled with its number, on a reliable
 * connection. Exit status: 0 everything arrived intact, 4 wrong data arrived, 3 the connection broke. */
#include <arpa/inet.h>
#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "queue_pair.h"

enum {
	SLOT = 64 << 10,
	RECEIVES = 16,
	SENDS = 8,
	TCP_PORT = 7471,
	TRIES = 200,
	RETRIES = 6,
	EXIT_BROKEN = 3,
	EXIT_WRONG = 4
};

#define PSN_MASK 0xffffffu

struct address {
	uint32_t qpn, psn;
	union ibv_gid gid;
};

/* memory contains the receive slots, then the send slots. */
struct end {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	uint8_t *memory;
	uint8_t gid_index, timeout;
	enum ibv_mtu mtu;
	struct address here, there;
	uint32_t sent, completed, received, wrong;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

static uint32_t length_of(uint32_t number)
{
	return 16 + number * 2654435761u % (SLOT - 16);
}

static void post_receive(struct end *e, uint64_t slot)
{
	struct ibv_sge sge = {(uintptr_t)(e->memory + slot * SLOT), SLOT, e->mr->lkey};
	struct ibv_recv_wr wr = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
	must(!ibv_post_recv(e->qp, &wr, &bad), "ibv_post_recv");
}

static void open_device(struct end *e)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_port_attr port;
	must(list && list[0], "no RDMA device");
	e->context = ibv_open_device(list[0]);
	must(e->context != NULL, "ibv_open_device");
	ibv_free_device_list(list);
	must(!ibv_query_port(e->context, 1, &port), "ibv_query_port");
	must(!ibv_query_gid(e->context, 1, e->gid_index, &e->here.gid), "ibv_query_gid");
	e->mtu = port.active_mtu;
}

static void make_queue_pair(struct end *e)
{
	e->pd = ibv_alloc_pd(e->context);
	e->cq = ibv_create_cq(e->context, 2 * RECEIVES, NULL, NULL, 0);
	struct ibv_qp_init_attr attr = {
		.send_cq = e->cq, .recv_cq = e->cq, .qp_type = IBV_QPT_RC, .cap = {SENDS, RECEIVES, 1, 1, 0}};
	e->qp = e->pd && e->cq ? ibv_create_qp(e->pd, &attr) : NULL;
	must(e->qp != NULL, "ibv_create_qp");
	e->memory = calloc(RECEIVES + SENDS, SLOT);
	e->mr = ibv_reg_mr(e->pd, e->memory, (RECEIVES + SENDS) * (size_t)SLOT, IBV_ACCESS_LOCAL_WRITE);
	must(e->mr != NULL, "ibv_reg_mr");
	e->here.qpn = e->qp->qp_num;
	e->here.psn = (uint32_t)getpid() * 7919u & PSN_MASK;
}

static void post_receives(void *end)
{
	for (uint64_t slot = 0; slot < RECEIVES; slot++)
		post_receive(end, slot);
}

static void bring_up(struct end *e)
{
	struct ibv_qp_attr init = {.port_num = 1};
	struct ibv_qp_attr rtr = {.path_mtu = e->mtu,
		.dest_qp_num = e->there.qpn,
		.rq_psn = e->there.psn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {.is_global = 1, .port_num = 1}};
	struct ibv_qp_attr rts = {.timeout = e->timeout,
		.retry_cnt = RETRIES,
		.rnr_retry = RETRIES,
		.sq_psn = e->here.psn,
		.max_rd_atomic = 1};
	rtr.ah_attr.grh.dgid = e->there.gid;
	rtr.ah_attr.grh.sgid_index = e->gid_index;
	rtr.ah_attr.grh.hop_limit = 64;
	const char *failed = queue_pair_up(e->qp, &init, &rtr, &rts, post_receives, e);
	must(!failed, failed);
}

/* Connects both ends over TCP, to exchange addresses and to synchronise. */
static int meet(const char *server)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(TCP_PORT)};
	int one = 1;
	if (!server) {
		int listener = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		must(!bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 1), "listen");
		return accept(listener, NULL, NULL);
	}
	must(inet_pton(AF_INET, server, &at.sin_addr) == 1, server);
	for (int i = 0; i < TRIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(fd, (struct sockaddr *)&at, sizeof at))
			return fd;
		close(fd);
		usleep(100000);
	}
	return -1;
}

static void swap(int fd, const void *ours, void *theirs, size_t n)
{
	must(write(fd, ours, n) == (ssize_t)n && recv(fd, theirs, n, MSG_WAITALL) == (ssize_t)n, "the other end");
}

static void check(struct end *e, uint64_t slot, uint32_t length)
{
	const uint8_t *bytes = e->memory + slot * SLOT;
	uint32_t expected = length_of(e->received), number, at = sizeof number;
	memcpy(&number, bytes, sizeof number);
	while (at < length && bytes[at] == (uint8_t)e->received)
		at++;
	if (number != e->received || length != expected || at != length) {
		printf("message %u of %u bytes was sent; message %u of %u bytes has come, right up to byte %u\n",
			e->received, expected, number, length, at);
		e->wrong++;
	}
	e->received++;
	post_receive(e, slot);
}

static void progress(struct end *e)
{
	struct ibv_wc wc;
	if (ibv_poll_cq(e->cq, 1, &wc) == 0)
		return;
	if (wc.status != IBV_WC_SUCCESS) {
		printf("after %u messages: %s\n", e->received, ibv_wc_status_str(wc.status));
		exit(EXIT_BROKEN);
	}
	if (wc.opcode == IBV_WC_RECV)
		check(e, wc.wr_id, wc.byte_len);
	else
		e->completed++;
}

/* Refills a slot only after the device has completed its previous send. */
static void send_next(struct end *e)
{
	while (e->sent - e->completed == SENDS)
		progress(e);
	uint8_t *bytes = e->memory + (size_t)(RECEIVES + e->sent % SENDS) * SLOT;
	struct ibv_sge sge = {(uintptr_t)bytes, length_of(e->sent), e->mr->lkey};
	struct ibv_send_wr wr = {.sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED};
	struct ibv_send_wr *bad;
	memset(bytes, (int)e->sent, sge.length);
	memcpy(bytes, &e->sent, sizeof e->sent);
	must(!ibv_post_send(e->qp, &wr, &bad), "ibv_post_send");
	e->sent++;
}

int main(int argc, char **argv)
{
	struct end e = {0};
	if (argc < 4 || argc > 5) {
		fprintf(stderr, "Usage: rdma-order GID_INDEX MESSAGES TIMEOUT [SERVER]\n");
		return 2;
	}
	e.gid_index = (uint8_t)atoi(argv[1]);
	uint32_t total = (uint32_t)atoi(argv[2]), first = argc == 5;
	e.timeout = (uint8_t)atoi(argv[3]);
	open_device(&e);
	make_queue_pair(&e);
	int fd = meet(argc == 5 ? argv[4] : NULL);
	must(fd >= 0, "the other end");
	swap(fd, &e.here, &e.there, sizeof e.here);
	bring_up(&e);
	char byte = 0;
	swap(fd, &byte, &byte, 1);
	while (e.sent < total) {
		while (e.received + first <= e.sent)
			progress(&e);
		send_next(&e);
	}
	while (e.received < total || e.completed < total)
		progress(&e);
	printf("%u messages each way, %u wrong\n", total, e.wrong);
	swap(fd, &byte, &byte, 1);
	return e.wrong ? EXIT_WRONG : EXIT_SUCCESS;
}
