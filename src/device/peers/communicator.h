/* A device's connection to the same device's counterpart on another server, and what is added up over it. One thread.
 */
#ifndef GW_DEVICE_PEERS_COMMUNICATOR_H
#define GW_DEVICE_PEERS_COMMUNICATOR_H

#include <stdbool.h>

#include "base/status.h"
#include "device/graph/bounds.h"
#include "transport/mode.h"

/* From so many elements on, F32 travels as BF16. Part of the protocol. */
#define GW_COMMUNICATOR_BF16_FROM 32768

struct gw_communicator;

/* Makes one of a connection, which it then owns, also on failure: both ends exchange what they have for RDMA, and go
 * over to it if both can and mode allows it. listened: this side was connected to; it is rank 0. Blocks for some
 * seconds at most. */
enum gw_status gw_communicator_new(
	int fd, bool listened, enum gw_transport_mode mode, struct gw_communicator **out, struct gw_error *err);

/* NULL is fine. */
void gw_communicator_free(struct gw_communicator *c);

/* Adds to a contiguous F32 tensor the other server's tensor of the same size, while that does the same. No device may
 * have work under way. As the protocol has it, what is added may have been rounded to BF16, the tensor's own values
 * never are. Waits for the other server for as long as it may compute; GW_ERR_TIMEOUT after that. On errors, which name
 * the other server, the tensor's contents are undefined and c is unusable. */
enum gw_status gw_communicator_reduce(struct gw_communicator *c, struct gw_tensor *tensor, struct gw_error *err);

#endif
