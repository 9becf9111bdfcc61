/* Lends the devices of this process: executes what a client asks for on one connection. The supervisor's workers and
 * ggml_backend_rpc_start_server() both run this. */
#ifndef GW_DEVICE_SERVER_H
#define GW_DEVICE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/status.h"
#include "device/session/watch.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/dialect.h"
#include "wire/refusal.h"

struct gw_cache;
struct gw_server;

struct gw_server_options {
	ggml_backend_dev_t *devices;      /* lent, in this order; copied */
	size_t n_devices;                 /* 1 to GW_EXT_MAX_DEVICES */
	size_t n_threads;                 /* for devices that take a number of threads; 0 = theirs */
	const char *models;               /* what device/weights/model_files.h opens; NULL = none */
	const char *index_dir;            /* where their indices are */
	const struct gw_dialect *dialect; /* of connections that have no other */
	enum gw_transport_mode transport; /* which ones clients may use */
	uint64_t max_memory; /* bytes of buffers, graphs and scratch memory of one client; 0 = what the devices have */
	struct gw_server_watch watch;

	/* Connects to the other server of a pair, for the client at that address (gw_transport.peer): as
	 * gw_pairing_open (transport/list/pairing.h). NULL: this server joins no pairs. */
	gw_server_pair pair;
	gw_server_await_link await_link; /* NULL: it joins pairs only, and is not linked */
	void *pair_user;
};

/* What goes with the running ggml: the version that the stock server of its release speaks, as far as the numbers of
 * its operations tell. */
const struct gw_dialect *gw_server_dialect(void);

/* Checks the options and the running ggml; no backend is initialised yet. */
enum gw_status gw_server_new(const struct gw_server_options *options, struct gw_server **out, struct gw_error *err);
void gw_server_free(struct gw_server *server);

/* One connection. */
struct gw_server_visit {
	const struct gw_dialect *dialect; /* that the client speaks; NULL: that of the options */
	struct gw_cache *cache;           /* its trust domain's; lent; NULL = none */

	/* With a reason, this client has no slot: it can query the server, and EXT_INFO's reply gives it the reason.
	 * Any other request ends the connection with GW_ERR_LIMIT, and so does the first request of a client that does
	 * not begin with an extension, because nothing could tell it the reason. */
	struct gw_ext_refusal refused;

	/* Set on return. False: the client has asked questions about the server at most, nothing that it sent was kept,
	 * and no driver holds anything. The process may serve another client only then. */
	bool tainted;
};

/* Serves one client until it leaves or is refused; takes over the transport. visit NULL: a client like any other.
 * Backends are initialised at the first command that needs them, and freed with all buffers and graphs of this client
 * on return. GW_ERR_CLOSED: the client left cleanly. Otherwise why says which command and which check. GW_ERR_LOST:
 * among others, the client left while its requests were being served, and what was computed was stopped. Several
 * threads may serve clients of one server at once. */
enum gw_status gw_server_serve(
	struct gw_server *server, struct gw_transport *transport, struct gw_server_visit *visit, struct gw_error *why);

/* Writes to the watch's counters what memory the devices have, of those only that tell it without being initialised
 * for it: CPUs, and those that a client has used in this process. Not while a client is served. */
void gw_server_look_at_memory(struct gw_server *server);

#endif
