/* The sending half of either end: small messages gather in a queue, and leave together with one send. */
#ifndef GW_RPC_OUTQ_H
#define GW_RPC_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/status.h"
#include "transport/transport.h"

/* A queue with GW_OUTQ_FULL bytes should be sent. A single put may be as long again. */
#define GW_OUTQ_FULL 65536
#define GW_OUTQ_CAPACITY (2 * GW_OUTQ_FULL + 64)
#define GW_OUTQ_UNITS 512 /* separate elements of the queue */
#define GW_OUTQ_TAIL 4    /* elements that follow the queue by reference */

/* Single owner. Everything is allocated beforehand, so that queueing cannot fail. */
struct gw_outq {
	struct gw_transport *transport; /* lent */
	uint8_t *data;                  /* GW_OUTQ_CAPACITY bytes */
	size_t len;
	struct iovec *iov; /* GW_OUTQ_UNITS + GW_OUTQ_TAIL: the queue cut into what the peer reads at once */
	int n;
	_Atomic uint64_t *sent; /* bytes, or NULL; written by the sending thread only */
};

/* GW_ERR_NOMEM. */
enum gw_status gw_outq_init(struct gw_outq *q, struct gw_transport *transport);
void gw_outq_free(struct gw_outq *q);

/* Whether size bytes in so many units can be put now. An empty queue has room for GW_OUTQ_CAPACITY bytes. */
bool gw_outq_fits(const struct gw_outq *q, size_t size, int units);

/* Queues a unit: bytes that the peer reads with one read of its own. On transports that keep boundaries it stays
 * separate; on others the queue is one piece. There must be room. An empty unit is ignored. */
void gw_outq_put(struct gw_outq *q, const void *bytes, size_t size);

/* The same for a unit of n parts. */
void gw_outq_putv(struct gw_outq *q, const struct iovec *parts, int n);

/* Sends the queue, then n tail elements (at most GW_OUTQ_TAIL) from where they are; the queue is empty afterwards,
 * also after a failure. Blocks. Errors as sendv. */
enum gw_status gw_outq_send(struct gw_outq *q, const struct iovec *tail, int n, struct gw_error *err);

#endif
