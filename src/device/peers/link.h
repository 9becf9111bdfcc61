/* A connection to another server, which a client has had both make. One thread. */
#ifndef GW_DEVICE_PEERS_LINK_H
#define GW_DEVICE_PEERS_LINK_H

#include <stdbool.h>

#include "base/status.h"
#include "transport/list/exchange.h"
#include "transport/mode.h"
#include "wire/peers.h"

struct gw_link;

/* Makes one of a connection, which it then owns, also on failure. opened: this side connected, and has presented the
 * secret; it insists on the proof. The other side sends it. Both then go over to RDMA if both can and mode allows it.
 * Blocks for some seconds at most. */
enum gw_status gw_link_new(int fd, bool opened, const uint8_t proof[GW_PEERS_SECRET], enum gw_transport_mode mode,
	struct gw_link **out, struct gw_error *err);

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
	void *user;
};

/* Moves messages over up to GW_FLOWS_MAX links at the same time; all servers involved have them in the same order of
 * servers. GW_ERR_TIMEOUT: a server did not take part for as long as it may compute. GW_ERR_PROTOCOL: it is at another
 * point. GW_ERR_LOST. The error names the server; its link and all others are unusable then. */
enum gw_status gw_links_exchange(const struct gw_link_message *messages, size_t n, struct gw_error *err);

#endif
