/* The receiving half of either end: takes several small messages with one receive, and receives long bodies straight to
 * where they belong. */
#ifndef GW_RPC_INBUF_H
#define GW_RPC_INBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/transport.h"

#define GW_INBUF_SIZE 65536

/* Single owner: the receiving thread. */
struct gw_inbuf {
	struct gw_transport *transport; /* lent */
	uint8_t *data;                  /* GW_INBUF_SIZE bytes */
	size_t begin;                   /* of what was received and not taken yet */
	size_t end;
	int patience_ms;            /* once a message has begun, 256 KiB of it, or its end, must come in this time */
	_Atomic uint64_t *received; /* bytes, or NULL; written by the receiving thread only */
	uint64_t spin_ns;           /* how long to look for more before sleeping: base/spin.h */
	uint64_t deadline;          /* everything that is awaited must come before it; 0: none */
};

/* GW_ERR_NOMEM. Patience is gw_transport_timeout_ms. */
enum gw_status gw_inbuf_init(struct gw_inbuf *in, struct gw_transport *transport);
void gw_inbuf_free(struct gw_inbuf *in);

static inline size_t gw_inbuf_len(const struct gw_inbuf *in)
{
	return in->end - in->begin;
}

/* The next byte, which must be buffered. */
static inline const uint8_t *gw_inbuf_peek(const struct gw_inbuf *in)
{
	return in->data + in->begin;
}

/* From now on everything that is awaited must come within ms, also messages that have not begun; 0 ends that. */
void gw_inbuf_set_deadline(struct gw_inbuf *in, int ms);

/* Receives until n bytes (at most GW_INBUF_SIZE) are buffered. Blocks, for any time while nothing is buffered.
 * GW_ERR_CLOSED if the stream ended where nothing was buffered; GW_ERR_TIMEOUT if a message stalls; else as
 * recvv. */
enum gw_status gw_inbuf_fill(struct gw_inbuf *in, size_t n, struct gw_error *err);

/* The next n bytes, which must be buffered; valid until the next call. */
const uint8_t *gw_inbuf_take(struct gw_inbuf *in, size_t n);

/* Moves the next n bytes of a message to dst: what is buffered is copied, the rest is received straight into dst while
 * what follows goes to the buffer. Blocks. GW_ERR_LOST at the end of the stream, GW_ERR_TIMEOUT if it
 * stalls. */
enum gw_status gw_inbuf_read(struct gw_inbuf *in, void *dst, size_t n, struct gw_error *err);

#endif
