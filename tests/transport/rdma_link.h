/* Two RDMA ends in one process, over the fake. */
#ifndef GW_TESTS_TRANSPORT_RDMA_LINK_H
#define GW_TESTS_TRANSPORT_RDMA_LINK_H

#include "transport/rdma/ggwire_path.h"
#include "transport/rdma/pair.h"
#include "transport/rdma/stock_path.h"

/* Makes a TCP connection over 127.0.0.1. Aborts on failure. */
void link_tcp(struct gw_transport **a, struct gw_transport **b);

/* Connects two RDMA transports on the path. The caller closes each separately. */
enum gw_status link_rdma(
	const struct gw_rdma_path *path, struct gw_transport **a, struct gw_transport **b, struct gw_error *err);

#endif
