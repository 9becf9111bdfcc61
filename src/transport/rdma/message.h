/* How the two ends of a connection tell each other their queue pairs. docs/protocol.md, "EXT_RDMA" and "HELLO". */
#ifndef GW_TRANSPORT_RDMA_MESSAGE_H
#define GW_TRANSPORT_RDMA_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/upgrade.h"
#include "wire/extension.h"

/* How the two ends address each other, as it travels; also bits of a set. */
enum gw_rdma_kind {
	GW_RDMA_ROCE = 1,       /* by GID, which holds an IP address */
	GW_RDMA_INFINIBAND = 2, /* by LID */
};

/* What one end has to know about the other. */
struct gw_rdma_address {
	enum gw_rdma_kind kind;
	uint32_t qpn;
	uint32_t psn; /* number of the first packet that end sends */
	uint8_t gid[16];
	uint16_t lid;
	uint8_t mtu;   /* 1 = 256 bytes, doubled with each step, 5 = 4096. 0: unknown, ours is used */
	uint8_t reads; /* RDMA READs that it can answer at once; 0: unknown, none are sent */
};

/* The 24 bytes in HELLO, as stock peers on Linux have them: u32 qpn | u32 psn | gid[16]. Encoding gives zeros for
 * InfiniBand, which stock peers cannot address. */
void gw_rdma_caps_encode(const struct gw_rdma_address *at, uint8_t caps[GW_UPGRADE_CAPS]);

/* Whether the peer announces anything at all: the stock rule of 8.0. */
bool gw_rdma_caps_any(const uint8_t caps[GW_UPGRADE_CAPS]);

/* Whether the bytes can be a Linux peer's: the number of a queue pair, its low 24 bits as psn, and a GID. Other builds
 * put other things there (macOS from 6.0 on: u32 qpn | u16 lid | u16 0 | gid[16]). */
bool gw_rdma_caps_decode(const uint8_t caps[GW_UPGRADE_CAPS], struct gw_rdma_address *at);

/* EXT_RDMA: all four messages have one layout:
 *   u8 step | u8 yes | u8 link | u8 mtu | u32 qpn | u32 psn | u16 lid | u8 reads | u8 cause | gid[16] | str reason
 * Both offers have an address. With yes 0, and in confirmations, only cause and reason count. Readers ignore bytes
 * behind. */
#define GW_RDMA_MESSAGE_FIXED 32
#define GW_RDMA_MESSAGE_MAX (GW_RDMA_MESSAGE_FIXED + 4 + GW_EXT_TEXT)

enum gw_rdma_step {
	GW_RDMA_OFFER = 1,
	GW_RDMA_CONFIRM = 2,
};

struct gw_rdma_message {
	enum gw_rdma_step step;
	bool yes;
	struct gw_rdma_address address;
	enum gw_upgrade_cause cause;
	char reason[GW_EXT_TEXT];
};

/* Writes the body; returns its size. */
size_t gw_rdma_message_encode(const struct gw_rdma_message *m, uint8_t out[GW_RDMA_MESSAGE_MAX]);

/* Whether the body is a message of that step; m is filled only then. The address of an offer may be invalid. */
bool gw_rdma_message_decode(const void *body, size_t size, enum gw_rdma_step step, struct gw_rdma_message *m);

/* One message over the channel that the RPC layer lends. receive: GW_ERR_PROTOCOL if it is not one of that step. */
enum gw_status gw_rdma_message_send(
	const struct gw_upgrade_channel *channel, const struct gw_rdma_message *m, struct gw_error *err);
enum gw_status gw_rdma_message_receive(const struct gw_upgrade_channel *channel, enum gw_rdma_step step,
	struct gw_rdma_message *m, struct gw_error *err);

/* Sends a no with its reason. */
enum gw_status gw_rdma_message_decline(const struct gw_upgrade_channel *channel, enum gw_rdma_step step,
	const struct gw_error *reason, struct gw_error *err);

/* Whether an address can exist. Everything that came from a peer must pass before it is used. */
bool gw_rdma_address_ok(const struct gw_rdma_address *a);

#endif
