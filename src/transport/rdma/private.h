/* What the parts of the RDMA transport share. */
#ifndef GW_TRANSPORT_RDMA_PRIVATE_H
#define GW_TRANSPORT_RDMA_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/iov.h"
#include "transport/rdma/rdma.h"
#include "transport/rdma/registration_cache.h"
#include "transport/rdma/select.h"
#include "transport/rdma/verbs.h"

#define GW_RDMA_MAX_RX 80 /* receives posted at most, on any path */
#define GW_RDMA_MAX_TX 32 /* sends under way at most */
#define GW_RDMA_INLINE 256

/* What a data path fixes, and where the common parts call it. Its functions are called with the lock held. */
struct gw_rdma_path_ops {
	struct gw_transport_ops transport;
	unsigned rx_slots;
	unsigned tx_slots;
	unsigned credits; /* to begin with, where the path counts them */
	size_t slot;      /* bytes of one */
	int access;       /* of the queue pair */
	uint8_t hop_limit;
	uint8_t min_rnr_timer;
	uint8_t rnr_retry;
	bool announced; /* the peer says what its end can: the smaller MTU and number of READs are used */

	/* A message of size bytes has come into a receive slot, which is the path's until it posts it again. */
	void (*received)(struct gw_rdma *r, unsigned slot, uint32_t size);
	/* All bytes of a slot that was made readable have been taken. */
	void (*consumed)(struct gw_rdma *r, unsigned slot);
	/* Nothing is left in the slot of the first ready bytes: moves some of its remote ones to where pos points (and
	 * moves it on), or into the slot. Waits. */
	enum gw_status (*pull)(struct gw_rdma *r, struct gw_iov_pos *pos, size_t *got, struct gw_error *err);
	/* Sends have completed. May be NULL. */
	void (*reaped)(struct gw_rdma *r);
	/* The connection will be closed: makes sure that the last send completes visibly. May be NULL. */
	void (*closing)(struct gw_rdma *r);
};

/* Received bytes that wait to be taken: first those in the slot, then those that the peer has offered to be read. */
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

/* One end. Everything below lock is under it once the transport has started. One thread at a time waits for the device
 * (waiting); others wait for changed. */
struct gw_rdma {
	struct gw_transport base;
	struct gw_transport *tcp; /* owned by the started transport */
	int tcp_fd;               /* -1 until then */

	const struct gw_verbs *v;
	struct gw_rdma_port port;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	uint32_t inline_max;
	uint32_t random_psn;
	uint64_t spin_ns; /* how long to spin before sleeping, and */
	uint64_t typical; /* what the last waits took, in nanoseconds */

	/* From the activation on. */
	const struct gw_rdma_path_ops *path;
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
	bool failed; /* the queue pair is of no use any more; why says it */
	struct gw_error why;
	unsigned events;    /* taken from the channel, not acknowledged */
	uint64_t completed; /* times that completions were handled, by whichever thread */

	/* Sends that were made and not yet given to the device, which takes them all with one call. */
	struct ibv_send_wr chain[GW_RDMA_MAX_TX];
	struct ibv_sge chain_sge[GW_RDMA_MAX_TX];
	unsigned chained;

	uint64_t posted;    /* work requests of the send queue, counted from 1; slot (n - 1) % tx_slots is number n's */
	uint64_t reaped;    /* the last one known to have completed, and so all before it */
	uint64_t signalled; /* the last one that will be known to */

	struct gw_rdma_ready ready[GW_RDMA_MAX_RX];
	unsigned ready_head, ready_len;

	/* ggwire path */
	unsigned credits;       /* messages that the peer has receives for */
	unsigned owed;          /* receives posted again that the peer was not told of */
	uint8_t sent, received; /* messages, modulo 256 */
	bool heard;             /* the peer's gw_rdma_say */
	uint64_t offers;        /* regions that the peer was told of */
	uint64_t taken;         /* of these, what it has read */
	bool no_offers;         /* a region could not be registered: this is not tried again */
	bool no_direct;         /* the same for memory that is read into */
	struct gw_rdma_keep keep;
};

extern const struct gw_rdma_path_ops gw_rdma_path_stock;
extern const struct gw_rdma_path_ops gw_rdma_path_ggwire;

/* rdma_queue.c; all with the lock held (or before it is needed). */

/* Notes the first failure; later ones are its consequences. */
void gw_rdma_fail(struct gw_rdma *r, enum gw_status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Posts a receive slot. Failure is noted. */
void gw_rdma_post_recv(struct gw_rdma *r, unsigned slot);

uint8_t *gw_rdma_rx(const struct gw_rdma *r, unsigned slot);

/* How many more sends can be posted. */
unsigned gw_rdma_room(const struct gw_rdma *r);

/* The slot of the next send, for which there must be room, and sending size bytes of it: with the next that is posted,
 * or now, with those. Failure is noted. */
uint8_t *gw_rdma_tx(const struct gw_rdma *r);
void gw_rdma_chain_send(struct gw_rdma *r, size_t size, bool signal);
void gw_rdma_post_send(struct gw_rdma *r, size_t size, bool signal);

/* Posts what was chained. */
void gw_rdma_post_chain(struct gw_rdma *r);

/* Makes a slot's bytes readable. */
void gw_rdma_make_ready(struct gw_rdma *r, unsigned slot, uint32_t offset, uint32_t size);

/* Makes what the peer has offered readable; the slot, whose message has said so, is lent to it. */
void gw_rdma_make_remote(struct gw_rdma *r, unsigned slot, const struct gw_rdma_remote *remote);

/* Posts an RDMA READ, signalled, into registered memory. There must be room. Failure is noted. */
void gw_rdma_post_read(struct gw_rdma *r, void *to, uint32_t lkey, const struct gw_rdma_remote *from, uint32_t size);

/* Gives the first ready slot back once nothing is left of it. */
void gw_rdma_drop_empty(struct gw_rdma *r);

/* Handles completions; whether there were any. */
bool gw_rdma_progress(struct gw_rdma *r);

/* Makes the device give up all that is under way; the connection has failed. */
void gw_rdma_stop(struct gw_rdma *r);

/* Why nothing more can be sent; GW_OK while something can. */
enum gw_status gw_rdma_broken(const struct gw_rdma *r, struct gw_error *err);

/* rdma_wait.c; with the lock held, which is left while waiting. */

/* Waits until something may have changed, for a while by spinning. GW_ERR_TIMEOUT: deadline (of gw_clock_ns) has
 * passed; 0 looks and does not wait. */
enum gw_status gw_rdma_wait(struct gw_rdma *r, uint64_t deadline);

/* The same without end, but GW_ERR_TIMEOUT if nothing changes for the transport's silence_ms. rdma_queue.c. */
enum gw_status gw_rdma_wait_for_word(struct gw_rdma *r, struct gw_error *err);

/* How long GGML_RPC_SPIN_US says to spin. */
uint64_t gw_rdma_spin_ns(void);

/* What is common to the transports of both paths (rdma_queue.c). */
enum gw_status gw_rdma_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err);
bool gw_rdma_readable(struct gw_transport *t, int timeout_ms);
void gw_rdma_shutdown(struct gw_transport *t);
void gw_rdma_close(struct gw_transport *t);

static inline struct gw_rdma *gw_rdma_of(struct gw_transport *t)
{
	return (struct gw_rdma *)t;
}

#endif
