/* A connection to another server, which a client has had both make. One thread. */
#ifndef GW_DEVICE_PEERS_LINK_H
#define GW_DEVICE_PEERS_LINK_H

#include <stdbool.h>

#include "base/status.h"
#include "transport/list/exchange.h"
#include "transport/mode.h"
#include "wire/peers.h"

struct gw_link;

/* How both ends make sure of each other, and what the link can become. */
struct gw_link_terms {
	bool opened;          /* this side connected, and has presented the secret */
	bool is_encrypted;    /* the client uses TLS, so the link does */
	bool keeps_encrypted; /* an encrypted link does not switch to RDMA, which is not */
	enum gw_transport_mode mode;
	uint8_t secret[GW_PEERS_SECRET];
	uint8_t proof[GW_PEERS_SECRET];
};

/* Makes a link of a connection, and owns the connection from then on, also on failure. An encrypted link shakes hands
 * with a key derived from secret and proof. Otherwise the side that connected receives the proof, which the other side
 * sends. Then both switch to RDMA if both can and the terms allow it. GW_ERR_INVALID, GW_ERR_PROTOCOL: the other end
 * lacks the key or the proof; GW_ERR_TIMEOUT, GW_ERR_LOST. Blocks for some seconds at most. */
enum gw_status gw_link_new(int fd, const struct gw_link_terms *terms, struct gw_link **out, struct gw_error *err);

/* NULL is fine. */
void gw_link_free(struct gw_link *l);

/* The other server's address, for logs. */
const char *gw_link_peer(const struct gw_link *l);

/* One message each way: bytes behind a header, which both ends derive from what they were asked to do. */
struct gw_link_message {
	struct gw_link *link;
	enum gw_peers_kind kind;
	const void *out; /* NULL: nothing is sent, not even a header */
	size_t out_size;
	void *in; /* NULL: nothing is received */
	size_t in_size;

	/* Called, unless it is NULL, while bytes move: so many at out have left, and so many arrived at in. */
	void (*moved)(void *user, size_t sent, size_t received);

	/* As make of gw_flow, of the bytes at out. */
	size_t (*make)(void *user, size_t sent);
	void *user;
};

/* Moves messages over up to GW_FLOWS_MAX links at the same time; all servers involved have them in the same order of
 * servers. GW_ERR_TIMEOUT: a server did not take part for as long as it may compute. GW_ERR_PROTOCOL: it is at another
 * point. GW_ERR_LOST. The error names the server; its link and all others are unusable then. */
enum gw_status gw_links_exchange(const struct gw_link_message *messages, size_t n, struct gw_error *err);

#endif
