/* Addresses of queue pairs as the two ends tell them to each other. */
#ifndef GW_RPC_RDMA_MESSAGE_H
#define GW_RPC_RDMA_MESSAGE_H

#include "transport/rdma/rdma.h"
#include "wire/caps.h"
#include "wire/extension.h"

/* In HELLO. Zeros where stock peers know no such address: InfiniBand. */
void gw_rdma_put_caps(const struct gw_rdma *r, uint8_t caps[GW_WIRE_CAPS]);
/* False if they announce nothing, or nothing that can be one. */
bool gw_rdma_take_caps(const uint8_t caps[GW_WIRE_CAPS], struct gw_rdma_address *at);

/* In EXT_RDMA: makes an offer of m. */
void gw_rdma_put_offer(const struct gw_rdma *r, struct gw_ext_rdma *m);
/* False if it can be no address. */
bool gw_rdma_take_offer(const struct gw_ext_rdma *m, struct gw_rdma_address *at);

#endif
