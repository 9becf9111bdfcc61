/* What the connections of both data paths have in common: gw_transport_ops. */
#ifndef GW_TRANSPORT_RDMA_CONNECTION_H
#define GW_TRANSPORT_RDMA_CONNECTION_H

#include "transport/rdma/state.h"

enum gw_status gw_rdma_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err);
bool gw_rdma_readable(struct gw_transport *t, int timeout_ms);
void gw_rdma_shutdown(struct gw_transport *t);
void gw_rdma_close(struct gw_transport *t);

#endif
