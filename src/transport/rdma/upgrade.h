/* RDMA as the upgrade of a TCP connection. */
#ifndef GW_TRANSPORT_RDMA_UPGRADE_H
#define GW_TRANSPORT_RDMA_UPGRADE_H

#include "transport/upgrade.h"

extern const struct gw_upgrade_kind gw_rdma_upgrade;

#endif
