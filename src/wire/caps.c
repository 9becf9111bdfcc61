#include "wire/caps.h"

#include <string.h>

#include "wire/cursor.h"

#define NUMBER_MASK 0xffffffu /* queue pairs and packets have numbers of 24 bits */

static const uint8_t zero[GW_WIRE_CAPS];

void gw_wire_caps_encode(const struct gw_wire_caps *c, uint8_t out[GW_WIRE_CAPS])
{
	gw_put_le32(out, c->qpn);
	gw_put_le32(out + 4, c->psn);
	memcpy(out + 8, c->gid, sizeof(c->gid));
}

bool gw_wire_caps_any(const uint8_t caps[GW_WIRE_CAPS])
{
	return memcmp(caps, zero, GW_WIRE_CAPS) != 0;
}

bool gw_wire_caps_decode(const uint8_t caps[GW_WIRE_CAPS], struct gw_wire_caps *c)
{
	struct gw_wire_caps got = {.qpn = gw_le32(caps), .psn = gw_le32(caps + 4)};
	memcpy(got.gid, caps + 8, sizeof(got.gid));
	if (got.qpn == 0 || got.qpn > NUMBER_MASK || got.psn != got.qpn || memcmp(got.gid, zero, sizeof(got.gid)) == 0)
		return false;
	*c = got;
	return true;
}
