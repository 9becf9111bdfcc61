/* What the owner of a server is told, and where it counts. */
#ifndef GW_DEVICE_SESSION_WATCH_H
#define GW_DEVICE_SESSION_WATCH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct gw_counters;
struct gw_pairing;

/* Callbacks and facts from the caller that runs a server; all are optional. */
struct gw_server_watch {
	/* Where the server counts. Only where it serves one client at a time; otherwise, or with NULL, each client's
	 * numbers are its session's own. */
	struct gw_counters *counters;

	/* gw_budget_share.others: what this client holds over its other connections, each of which counts in
	 * gw_counters.held. With counters only. NULL: each connection has the whole budget. */
	uint64_t (*held_by_others)(void *user);

	/* Appends the body of EXT_STATUS's reply; fails without a trace. NULL: the command does not exist. */
	enum gw_status (*status)(void *user, struct gw_buf *out);

	/* A client asks for its first buffer. Called by the thread that serves it. */
	void (*working)(void *user);

	/* A client has begun to load more than a little. Called by the thread that serves it, which waits. */
	void (*loading)(void *user);

	/* A client has gone, and its requests do not come to an end: called from another thread than the one that
	 * serves it. A process that serves this client alone may exit. */
	void (*stuck)(void *user);
	/* An eventfd that becomes readable when the process is about to end: a client that is being served learns it.
	 * 0: none. */
	int stop_fd;
	void *user;
};

/* Connects to the other server of a pair; struct gw_server_options says more. */
typedef enum gw_status (*gw_server_pair)(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err);

/* Waits until the other server has come to the link that gw_server_pair gave a ticket for (struct gw_pairing, links).
 * *fd is the connection. Blocks for some seconds at most. */
typedef enum gw_status (*gw_server_await_link)(void *user, int ticket, int *fd, struct gw_error *err);

#endif
