/* Two connected ends in one process, for tests: a bounded pipe in each direction. */
#ifndef GW_TRANSPORT_LOOPBACK_H
#define GW_TRANSPORT_LOOPBACK_H

#include "transport/transport.h"

/* Makes a connected pair. The caller closes each end separately; the other end then sees the end of the stream.
 * capacity is the number of bytes that one direction holds before a send blocks (0: 64 KiB). Each end may be used by a
 * different thread. */
enum gw_status gw_loopback_pair(size_t capacity, struct gw_transport **a, struct gw_transport **b);

#endif
