/* Why a server does not serve a client, as ggwire servers tell ggwire clients. docs/protocol.md, "Refusals". */
#ifndef GW_WIRE_REFUSAL_H
#define GW_WIRE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers of the protocol: they never change their meaning. */
enum gw_ext_reason {
	GW_EXT_REASON_NONE = 0,     /* the client is served, or the server does not say */
	GW_EXT_REASON_FULL = 1,     /* all client slots are in use; limit: how many there are */
	GW_EXT_REASON_HOST = 2,     /* the client's host has its share of them; limit: how many it can have */
	GW_EXT_REASON_KEY = 3,      /* the client's key has its share of them; limit: the same */
	GW_EXT_REASON_ADDRESS = 4,  /* the server does not serve the client's address */
	GW_EXT_REASON_STATUS = 5,   /* the client's address can only query the server */
	GW_EXT_REASON_STOPPING = 6, /* the server is shutting down */
	GW_EXT_REASON_WORKER = 7,   /* the server cannot start a process for the client */
	GW_EXT_REASON_TLS = 8,      /* the endpoint requires TLS */
};

struct gw_ext_refusal {
	uint32_t reason; /* of enum gw_ext_reason; from a newer server perhaps none of them */
	uint32_t limit;  /* 0: unknown */
};

/* In place of the size of HELLO's reply, from a server that closes the connection then: this, plus the reason. No reply
 * has such a size, so a stock client sees a malformed reply instead of a closed connection, and ends in the same way.
 */
#define GW_REPLY_REFUSED (UINT64_MAX - 0x1ffff)

static inline bool gw_reply_is_refusal(uint64_t size, struct gw_ext_refusal *out)
{
	if (size < GW_REPLY_REFUSED || size - GW_REPLY_REFUSED > UINT16_MAX)
		return false;
	*out = (struct gw_ext_refusal){.reason = (uint32_t)(size - GW_REPLY_REFUSED)};
	return true;
}

/* In place of a reply's size, from a server that shuts down, to a client that has sent EXT_ALIVE. Nothing comes after.
 */
#define GW_REPLY_STOPPING (GW_REPLY_REFUSED + GW_EXT_REASON_STOPPING)

/* Writes the reason and the remedy, for the user of the client: "refused: all 64 client slots are in use; try again
 * later, or raise --max-clients on the server". Any refusal has a text, also one without a known reason. */
#define GW_EXT_REFUSAL_TEXT 192
const char *gw_ext_refusal_text(const struct gw_ext_refusal *refusal, char out[GW_EXT_REFUSAL_TEXT]);

#endif
