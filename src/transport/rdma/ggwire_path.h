/* The data path between ggwire peers. */
#ifndef GW_TRANSPORT_RDMA_GGWIRE_PATH_H
#define GW_TRANSPORT_RDMA_GGWIRE_PATH_H

#include "transport/rdma/state.h"

extern const struct gw_rdma_path gw_rdma_ggwire_path;

/* Sends a probe, a message of the MTU's size, and waits until the peer's device has acknowledged it; await_probe waits
 * for the peer's. A probe that arrives proves that no firewall and no smaller MTU is in between. At most timeout_ms.
 * Before the connection has started. */
enum gw_status gw_rdma_send_probe(struct gw_rdma *r, int timeout_ms, struct gw_error *err);
enum gw_status gw_rdma_await_probe(struct gw_rdma *r, int timeout_ms, struct gw_error *err);

#endif
