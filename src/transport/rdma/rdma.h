/* RDMA for a connection that has begun on TCP: looking for a device, bringing up a queue pair, and the transport over
 * it. Who calls what, and when the other end is told what, is session's: docs/rdma.md.
 *
 * A struct gw_rdma is used by one thread until gw_rdma_start makes a transport of it. Where ggwire is built without
 * RDMA, gw_rdma_probe is GW_ERR_UNSUPPORTED, and the rest is never called. */
#ifndef GW_TRANSPORT_RDMA_RDMA_H
#define GW_TRANSPORT_RDMA_RDMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/transport.h"

struct gw_rdma;

/* How the two ends address each other; also bits of a set. */
enum gw_rdma_kind {
	GW_RDMA_ROCE = 1,       /* by GID, which holds an IP address */
	GW_RDMA_INFINIBAND = 2, /* by LID */
};

/* How bytes travel on a queue pair. */
enum gw_rdma_path {
	GW_RDMA_PATH_STOCK,  /* as the stock peers do it */
	GW_RDMA_PATH_GGWIRE, /* between ggwire peers */
};

/* What one end has to know of the other. */
struct gw_rdma_address {
	enum gw_rdma_kind kind;
	uint32_t qpn;
	uint32_t psn; /* of the first packet that end sends */
	uint8_t gid[16];
	uint16_t lid;
	uint8_t mtu;   /* as enum ibv_mtu: 1 = 256 bytes, 5 = 4096. 0: unknown, ours is taken */
	uint8_t reads; /* RDMA READs that it can answer at once; 0: unknown, none are sent */
};

/* Whether this build has RDMA at all. */
bool gw_rdma_is_built(void);

/* Whether the library is there. The error says why not. Loads it. */
enum gw_status gw_rdma_library(struct gw_error *why);

/* Which entry gw_rdma_probe would take for a connection from address (16 bytes, IPv4 as ::ffff:a.b.c.d). */
struct gw_rdma_choice {
	char device[64];
	unsigned port;
	enum gw_rdma_kind kind;
	bool roce_v2;
	unsigned gid_index;
	unsigned mtu; /* bytes */
};
enum gw_status gw_rdma_choose(
	const uint8_t address[16], unsigned kinds, struct gw_rdma_choice *out, struct gw_error *why);

/* Whether an address can be one; a peer's must be asked before it is used. */
bool gw_rdma_address_ok(const struct gw_rdma_address *a);

/* Looks for a device for the connection that tcp is, and makes a queue pair on it, which says nothing yet. kinds is a
 * set of enum gw_rdma_kind. GW_ERR_INVALID: GGML_RDMA_DEV or GGML_RDMA_GID is wrong. All other errors say why this
 * machine, or this connection, has no RDMA. May block for some milliseconds. */
enum gw_status gw_rdma_probe(
	const struct gw_transport *tcp, unsigned kinds, struct gw_rdma **out, struct gw_error *why);

/* The address to tell the peer. The packet sequence number is the stock peers' on their path, else random. */
void gw_rdma_local(const struct gw_rdma *r, enum gw_rdma_path path, struct gw_rdma_address *out);

/* Brings the queue pair up towards the peer, whose address is ok, with all receives posted. On failure only
 * gw_rdma_free may follow. */
enum gw_status gw_rdma_activate(
	struct gw_rdma *r, enum gw_rdma_path path, const struct gw_rdma_address *peer, struct gw_error *err);

/* ggwire path: sends a message of the MTU's size and waits until the peer's device has acknowledged it. That it arrives
 * shows that no wall and no smaller MTU is in between. At most timeout_ms. */
enum gw_status gw_rdma_say(struct gw_rdma *r, int timeout_ms, struct gw_error *err);

/* ggwire path: waits for what the peer's gw_rdma_say has sent. */
enum gw_status gw_rdma_hear(struct gw_rdma *r, int timeout_ms, struct gw_error *err);

/* Stock path: waits, without end, until the peer says something, and whether over RDMA or on tcp (also if it ends). An
 * error if RDMA has failed and nothing is there on tcp: the peer may have gone over, and would wait for ever. */
enum gw_status gw_rdma_await_first(
	struct gw_rdma *r, const struct gw_transport *tcp, bool *over_rdma, struct gw_error *err);

/* Makes the transport of an activated r. It owns r and tcp, whose end it takes as the peer's. */
struct gw_transport *gw_rdma_start(struct gw_rdma *r, struct gw_transport *tcp);

/* Ends what no transport was made of. NULL is fine. */
void gw_rdma_free(struct gw_rdma *r);

#endif
