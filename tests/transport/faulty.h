/* A decorator that injects faults into a transport. */
#ifndef GW_TRANSPORT_FAULT_H
#define GW_TRANSPORT_FAULT_H

#include <stdint.h>

#include "transport/transport.h"

struct gw_fault_plan {
	uint64_t cut_send_after;  /* bytes sent until the connection breaks; UINT64_MAX = never */
	uint64_t cut_recv_after;  /* bytes received until the connection breaks; UINT64_MAX = never */
	uint64_t corrupt_recv_at; /* index of the received byte to flip; UINT64_MAX = none */
	size_t max_chunk;         /* most bytes that one receive returns; 0 = no limit. Also splits sends. */
	uint32_t delay_us;        /* delay before each call */
};

extern const struct gw_fault_plan gw_fault_none;

/* Wraps inner. The result owns it. On GW_ERR_NOMEM the caller keeps inner. */
enum gw_status gw_fault_wrap(struct gw_transport *inner, const struct gw_fault_plan *plan, struct gw_transport **out);

#endif
