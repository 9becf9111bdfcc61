/* The 24 bytes in which both HELLO messages announce RDMA, as the stock peers on Linux have them. */
#ifndef GW_WIRE_CAPS_H
#define GW_WIRE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

struct gw_wire_caps {
	uint32_t qpn;
	uint32_t psn;
	uint8_t gid[16];
};

void gw_wire_caps_encode(const struct gw_wire_caps *c, uint8_t out[GW_WIRE_CAPS]);

/* Whether the peer announces anything at all: the stock rule of 8.0. */
bool gw_wire_caps_any(const uint8_t caps[GW_WIRE_CAPS]);

/* Whether the bytes can be a Linux peer's: a queue pair's number, its low 24 bits as psn, and a GID. Other builds put
 * other things there. */
bool gw_wire_caps_decode(const uint8_t caps[GW_WIRE_CAPS], struct gw_wire_caps *c);

#endif
