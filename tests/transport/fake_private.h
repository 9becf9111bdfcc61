/* Shared by the two halves of the fake: fake_verbs.c implements the objects, fake_wire.c moves the bytes. */
#ifndef GW_TESTS_TRANSPORT_FAKE_PRIVATE_H
#define GW_TESTS_TRANSPORT_FAKE_PRIVATE_H

#include <pthread.h>

#include "transport/fake_verbs.h"

#define FAKE_DEVICES 8
#define FAKE_PORTS 4
#define FAKE_GIDS 16
#define FAKE_QPS 4096
#define FAKE_MRS 4096
#define FAKE_DEPTH 512
#define FAKE_RETRY_NS 60000000 /* how long to retry a message without an acknowledgement */

struct fake_dev_port {
	struct ibv_port_attr attr;
	struct ibv_gid_entry gids[FAKE_GIDS];
};

struct fake_dev {
	struct ibv_device base;
	struct fake_dev_port ports[FAKE_PORTS];
	int n_ports;
};

struct fake_cq {
	struct ibv_cq base;
	struct ibv_wc wc[2 * FAKE_DEPTH];
	unsigned reaps[2 * FAKE_DEPTH]; /* entries of the send queue that polling the completion frees */
	unsigned head, len;
	bool armed;
	unsigned events_got, events_acked;
};

struct fake_send {
	struct ibv_send_wr wr;
	struct ibv_sge sge;
	uint8_t inlined[512];
	uint64_t posted; /* when it reached the head of the queue; 0: not yet */
};

struct fake_recv {
	uint64_t wr_id;
	struct ibv_sge sge;
};

struct fake_qp {
	struct ibv_qp base;
	struct ibv_qp_cap cap;
	struct ibv_qp_attr init, rtr, rts;
	struct fake_send sends[FAKE_DEPTH];
	unsigned send_head, send_len; /* not delivered yet */
	unsigned occupied;            /* entries not yet freed by a polled completion */
	unsigned unsignalled;         /* delivered since the last signalled one */
	struct fake_recv recvs[FAKE_DEPTH];
	unsigned recv_head, recv_len;
	bool rnr; /* the receiver was not ready for the head message */
};

struct fake_mr {
	struct ibv_mr base;
	int access;
	bool live;
};

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running;
	struct fake_dev devices[FAKE_DEVICES];
	int n_devices;
	struct fake_qp *qps[FAKE_QPS];
	uint32_t next_qpn;
	struct fake_mr *mrs[FAKE_MRS];
	uint32_t next_key;
	struct fake_counts counts;
	unsigned rules_broken;
	unsigned rnr;
	bool cut, cut_reads, twice;
	unsigned path_mtu;
	struct fake_message *messages;
	size_t n_messages;
};

extern struct fake fake;

/* The lock protects everything here. */
void fake_broken(const char *rule);
struct fake_qp *fake_find(uint32_t qpn);
/* Whether the live region of key, in this domain and with these access bits, contains n bytes at addr. */
bool fake_covers(struct ibv_pd *pd, uint32_t key, uint64_t addr, size_t n, int access);
void fake_push(struct ibv_cq *cq, const struct ibv_wc *wc, unsigned reaps);
void fake_to_error(struct fake_qp *qp);

/* Whether this call must fail, because a test injected a fault. Takes no lock. */
bool fake_strikes(const char *function, bool setup);

int fake_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
int fake_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
int fake_poll_cq(struct ibv_cq *cq, int n, struct ibv_wc *wc);
int fake_req_notify(struct ibv_cq *cq, int solicited_only);
void *fake_wire_main(void *arg);

#endif
