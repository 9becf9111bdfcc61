/* One end of an RDMA connection: the state that its parts share. */
#ifndef GW_TRANSPORT_RDMA_STATE_H
#define GW_TRANSPORT_RDMA_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/iov.h"
#include "transport/rdma/gid.h"
#include "transport/rdma/registration_cache.h"
#include "transport/rdma/verbs.h"
#include "transport/transport.h"

#define GW_RDMA_MAX_RX 80 /* the most receives that any path posts */
#define GW_RDMA_MAX_TX 32 /* the most sends in flight */

struct gw_rdma;

/* What a data path fixes, and what the common parts call. The functions are called with the lock held. */
struct gw_rdma_path {
	struct gw_transport_ops transport;
	unsigned rx_slots;
	unsigned tx_slots;
	size_t slot; /* bytes */
	int access;  /* of the queue pair */
	uint8_t hop_limit;
	uint8_t min_rnr_timer;
	uint8_t rnr_retry;
	bool announced;  /* both ends announce their limits; the smaller MTU and number of READs are used */
	bool random_psn; /* the first packet number is random; otherwise the queue pair's number, as stock peers expect
			  */

	/* The queue pair is about to come up towards the peer. May be NULL. */
	void (*begin)(struct gw_rdma *r, const struct gw_rdma_address *peer);
	/* A message of size bytes has arrived in a receive slot, which is the path's until it posts it again. */
	void (*received)(struct gw_rdma *r, unsigned slot, uint32_t size);
	/* All bytes of a slot that was made readable have been taken. */
	void (*consumed)(struct gw_rdma *r, unsigned slot);
	/* The slot of the first ready entry is empty: moves some of the entry's remote bytes to where pos points (and
	 * advances pos), or into the slot. Waits. */
	enum gw_status (*pull)(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err);
	/* Sends have completed. May be NULL. */
	void (*reaped)(struct gw_rdma *r);
	/* The connection is about to close: makes the completion of the last send visible. May be NULL. */
	void (*closing)(struct gw_rdma *r);
};

/* Received bytes that wait to be taken: those in the slot first, then those that the peer has made available for READ.
 */
struct gw_rdma_ready {
	unsigned slot;
	uint32_t offset;
	uint32_t left;
	struct gw_rdma_remote {
		uint64_t address;
		uint32_t key;
		uint32_t left;
	} remote;
};

/* What the path between ggwire peers adds. */
struct gw_rdma_ggwire {
	unsigned credits;       /* messages that the peer has receives for */
	unsigned owed;          /* receives that were posted again and not yet announced to the peer */
	uint8_t sent, received; /* numbers of messages, modulo 256 */
	bool probed;            /* the peer's probe has arrived */
	uint64_t requests;      /* rendezvous requests sent */
	uint64_t acknowledged;  /* of these, how many the peer has acknowledged */
	bool no_rendezvous;     /* a region could not be registered, which is not tried again */
	bool no_direct;         /* the same for memory that READs write to */
	struct gw_rdma_registrations registrations;
};

/* Once the connection has started, everything below lock is under it. One thread at a time waits for the device
 * (waiting); others wait for changed. */
struct gw_rdma {
	struct gw_transport base;
	struct gw_transport *tcp; /* owned once the connection has started */
	int tcp_fd;               /* -1 until then: bytes on TCP are not this part's to read */

	const struct gw_verbs *v;
	struct gw_rdma_port port;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	uint32_t inline_max;
	uint32_t random_psn;
	uint64_t spin_ns; /* how long to spin before sleeping */
	uint64_t typical; /* how long the last waits took, in nanoseconds */

	/* From the activation on. */
	const struct gw_rdma_path *path;
	uint8_t *memory; /* receive slots, then send slots */
	size_t memory_size;
	struct ibv_mr *mr;
	uint32_t peer_qpn;
	unsigned mtu; /* bytes */

	atomic_bool down; /* this side has called shutdown */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool waiting;
	bool ended;  /* the peer has closed TCP */
	bool failed; /* the queue pair is unusable, for the reason in why */
	struct gw_error why;
	unsigned events;    /* taken from the channel, not acknowledged */
	uint64_t completed; /* how often any thread has handled completions */

	/* Work requests of the send queue that were not yet posted; one call posts them all. */
	struct ibv_send_wr chain[GW_RDMA_MAX_TX];
	struct ibv_sge chain_sge[GW_RDMA_MAX_TX];
	unsigned chained;

	uint64_t posted;    /* work requests of the send queue, counted from 1; number n has slot (n - 1) % tx_slots */
	uint64_t reaped;    /* the last one known to have completed, and so all before it */
	uint64_t signalled; /* the last one whose completion will be reported */

	struct gw_rdma_ready ready[GW_RDMA_MAX_RX];
	unsigned ready_head, ready_len;

	struct gw_rdma_ggwire ggwire;
};

static inline struct gw_rdma *gw_rdma_of(struct gw_transport *t)
{
	return (struct gw_rdma *)t;
}

#endif
