/* The beginning of a connection between two servers. */
#ifndef GW_DEVICE_PEERS_GREETING_H
#define GW_DEVICE_PEERS_GREETING_H

#include <stdbool.h>

#include "base/status.h"
#include "transport/mode.h"
#include "transport/transport.h"

/* Both ends exchange what they have for RDMA, and go over to it if both can and mode allows it: *link is replaced by
 * what follows it. listened: this side was connected to. Afterwards a peer that sends nothing for as long as it may
 * compute is lost. Blocks for some seconds at most. */
enum gw_status gw_peers_greet(
	struct gw_transport **link, bool listened, enum gw_transport_mode mode, struct gw_error *err);

#endif
