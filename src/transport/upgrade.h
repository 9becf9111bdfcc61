/* The contract of an upgrade: both ends of a connection leave the transport that the client dialled for a faster one,
 * right after HELLO. The RPC layer calls it in the order below and knows nothing else about it; docs/rdma.md has the
 * messages of the one that exists.
 *
 *   client                                      server
 *   offer()        -- HELLO with 24 bytes -->   accept()
 *                  <-- reply with 24 bytes --
 *   complete()     <-- messages, or none --->   await_first(), negotiate()
 */
#ifndef GW_TRANSPORT_UPGRADE_H
#define GW_TRANSPORT_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/transport.h"

#define GW_UPGRADE_CAPS 24       /* bytes that either HELLO message has for an upgrade; zeros announce none */
#define GW_UPGRADE_STEP_MS 10000 /* the longest that an end works on the upgrade before it answers a message */

/* Why a connection stays as it is: gw_error.cause. The numbers travel: docs/protocol.md, "EXT_RDMA". The error's text
 * is for people. */
enum gw_upgrade_cause {
	GW_UPGRADE_CAUSE_UNKNOWN,
	GW_UPGRADE_CAUSE_NOT_BUILT,    /* this build has no upgrade */
	GW_UPGRADE_CAUSE_SWITCHED_OFF, /* the user allows none */
	GW_UPGRADE_CAUSE_NO_LIBRARY,   /* the library that drives the device is missing or too old */
	GW_UPGRADE_CAUSE_NO_DEVICE,    /* this machine has no device */
	GW_UPGRADE_CAUSE_NO_ADDRESS,   /* no device has the address that the connection uses */
	GW_UPGRADE_CAUSE_BAD_SETTING,  /* the environment names a device or an entry that does not exist */
	GW_UPGRADE_CAUSE_NO_MEMORY,    /* memory cannot be locked */
	GW_UPGRADE_CAUSE_NO_ROUTE,     /* the addresses of both ends do not fit together */
	GW_UPGRADE_CAUSE_NO_PASSAGE,   /* the network between both ends lets nothing through */
	GW_UPGRADE_CAUSE_NOT_OFFERED,  /* the other end announces none, or one that this end cannot use */
	GW_UPGRADE_CAUSE_ENCRYPTED,    /* the connection is encrypted, and the upgrade would not be */
	GW_UPGRADE_CAUSES
};

/* How an upgrade's messages travel on the connection as it is. The client's end sends a request and receives its reply,
 * the server's end receives the request first. Errors end the connection. */
struct gw_upgrade_channel {
	void *user;
	enum gw_status (*send)(void *user, const void *body, size_t size, struct gw_error *err);
	/* At most max bytes; more are GW_ERR_PROTOCOL. */
	enum gw_status (*receive)(void *user, void *body, size_t max, size_t *size, struct gw_error *err);
};

/* One end's upgrade in the making. One thread uses it. */
struct gw_upgrade;

/* Sets *why for a connection that must stay encrypted. */
static inline enum gw_status gw_upgrade_keeps_encrypted(struct gw_error *why)
{
	return gw_error_because(why, GW_UPGRADE_CAUSE_ENCRYPTED,
		gw_error_set(why, GW_ERR_UNSUPPORTED,
			"the connection is encrypted and RDMA would not be; GGWIRE_RDMA_PLAINTEXT=1 for the client and "
			"--rdma-plaintext for the server allow it"));
}

struct gw_upgrade_kind {
	/* False: this build can only decline. */
	bool is_built;

	/* The command that carries its messages, and the level of extensions from which a server understands it. */
	uint8_t command;
	unsigned level;

	/* Loads the library and the drivers of this machine's devices, so that the first connection does not wait for
	 * that. May be NULL. */
	void (*warm_up)(void);

	/* Client, before HELLO: prepares this end and fills caps. On failure *why says why this machine, or this
	 * connection, cannot upgrade; GW_ERR_INVALID: because the environment is wrong. May block for milliseconds. */
	enum gw_status (*offer)(
		struct gw_transport *t, uint8_t caps[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why);

	/* Client, after HELLO: switches, with messages if the server understands them (channel is not NULL), else by
	 * what its caps say. Consumes u. GW_OK: *out is the new connection, which owns the old one, or NULL if both
	 * ends stay on the old one, and *why says why. GW_ERR_UNSUPPORTED: the server has gone over and this end cannot
	 * follow, so that only a new connection helps. Other failures: the connection is unusable. */
	enum gw_status (*complete)(struct gw_upgrade *u, const uint8_t theirs[GW_UPGRADE_CAPS],
		const struct gw_upgrade_channel *channel, struct gw_transport **out, struct gw_error *why);

	/* Server, before its reply to HELLO: prepares for a client that switches without another message, and fills
	 * ours. On failure *why says why not, and ours are zeros. */
	enum gw_status (*accept)(struct gw_transport *t, const uint8_t theirs[GW_UPGRADE_CAPS],
		uint8_t ours[GW_UPGRADE_CAPS], struct gw_upgrade **out, struct gw_error *why);

	/* Server, after its reply: waits without limit for the client's first bytes. *out is the new connection, which
	 * owns the old one, if they come over that; otherwise NULL. Consumes u. */
	enum gw_status (*await_first)(struct gw_upgrade *u, struct gw_transport **out, struct gw_error *err);

	/* Server, after its reply, if this end sends first, so no byte of the client decides: assumes that the client
	 * has switched. Returns the new connection, which owns the old one. Consumes u. */
	struct gw_transport *(*go_over)(struct gw_upgrade *u);

	/* Server, when the client's first request is one of the upgrade's messages: answers it and switches, or
	 * declines with *refusal if that is not NULL. Results as complete. */
	enum gw_status (*negotiate)(struct gw_transport *t, const struct gw_upgrade_channel *channel,
		const struct gw_error *refusal, struct gw_transport **out, struct gw_error *why);

	/* Gives an upgrade up. NULL is fine. */
	void (*drop)(struct gw_upgrade *u);

	/* For diagnosis: whether the library is there; and what a connection from a local address (16 bytes, IPv4 as
	 * ::ffff:a.b.c.d) would use, in words. */
	enum gw_status (*check)(struct gw_error *why);
	enum gw_status (*describe)(const uint8_t address[16], char *out, size_t size, struct gw_error *why);
};

#endif
