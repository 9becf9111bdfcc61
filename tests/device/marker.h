/* Checks for leaks between clients: one client writes a marker wherever it can and leaves, and another one reads
 * wherever it can. */
#ifndef GW_TESTS_SERVER_MARKER_H
#define GW_TESTS_SERVER_MARKER_H

#include <stdbool.h>

#include "rpc/client.h"

/* Writes the marker through every command that writes, into buffers of many sizes on device 0, and into names and
 * parameters of tensors and graphs. computes: the device can copy. The client's buffers stay until it leaves. */
void marker_write(struct gw_client *c, bool computes);

/* Allocates buffers of many sizes and reads them through every command that reads. Fails the test if the marker comes
 * back, or if memory that was never written is not zero. */
void marker_expect_none(struct gw_client *c, bool computes);

#endif
