/* Whether a client can read what another one has left behind: one writes a marker wherever it can and leaves, another
 * one reads wherever it can. */
#ifndef GW_TESTS_SERVER_MARKER_H
#define GW_TESTS_SERVER_MARKER_H

#include <stdbool.h>

#include "rpc/client.h"

/* Writes the marker through every command that writes, into buffers of many sizes of device 0, and into what is kept
 * about tensors and graphs. computes: the device can copy by itself. The client's buffers stay until it leaves. */
void marker_write(struct gw_client *c, bool computes);

/* Allocates buffers of many sizes and fails the test if the marker comes back through any command that reads; anything
 * but zero in what was never written also does. */
void marker_expect_none(struct gw_client *c, bool computes);

#endif
