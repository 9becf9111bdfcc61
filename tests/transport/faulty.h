/* A decorator that disturbs a transport, for tests. */
#ifndef GW_TRANSPORT_FAULT_H
#define GW_TRANSPORT_FAULT_H

#include <stdint.h>

#include "transport/transport.h"

struct gw_fault_plan {
	uint64_t cut_send_after;  /* bytes sent until the connection breaks; UINT64_MAX = never */
	uint64_t cut_recv_after;  /* bytes received until the connection breaks; UINT64_MAX = never */
	uint64_t corrupt_recv_at; /* index of the one received byte whose bits are flipped; UINT64_MAX = none */
	size_t max_chunk;         /* most bytes one receive returns; 0 = no bound. Sends are split likewise. */
	uint32_t delay_us;        /* slept before each call */
};

extern const struct gw_fault_plan gw_fault_none;

/* Wraps inner, which the result then owns. GW_ERR_NOMEM leaves inner with the caller. */
enum gw_status gw_fault_wrap(struct gw_transport *inner, const struct gw_fault_plan *plan, struct gw_transport **out);

#endif
