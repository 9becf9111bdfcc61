/* The data path of stock peers. */
#ifndef GW_TRANSPORT_RDMA_STOCK_PATH_H
#define GW_TRANSPORT_RDMA_STOCK_PATH_H

#include "transport/rdma/state.h"

extern const struct gw_rdma_path gw_rdma_stock_path;

#endif
