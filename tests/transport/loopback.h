/* Two connected ends inside one process, for tests: a bounded pipe each way. */
#ifndef GW_TRANSPORT_LOOPBACK_H
#define GW_TRANSPORT_LOOPBACK_H

#include "transport/transport.h"

/* Makes a connected pair. Each end is closed on its own; the other then sees the end of the stream. capacity is the
 * bytes that one direction holds before a send blocks (0: 64 KiB). Thread-safe across the two ends. */
enum gw_status gw_loopback_pair(size_t capacity, struct gw_transport **a, struct gw_transport **b);

#endif
