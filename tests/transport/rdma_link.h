/* Two ends of RDMA in one process, over the fake. */
#ifndef GW_TESTS_TRANSPORT_RDMA_LINK_H
#define GW_TESTS_TRANSPORT_RDMA_LINK_H

#include "transport/rdma/ggwire_path.h"
#include "transport/rdma/pair.h"
#include "transport/rdma/stock_path.h"

/* A TCP connection over 127.0.0.1; aborts if there is none. */
void link_tcp(struct gw_transport **a, struct gw_transport **b);

/* Brings both ends up on the path and makes transports of them, each closed on its own. */
enum gw_status link_rdma(
	const struct gw_rdma_path *path, struct gw_transport **a, struct gw_transport **b, struct gw_error *err);

#endif
