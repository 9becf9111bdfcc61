/* Lends the devices of this process: executes what a client asks for on one connection. The supervisor's workers and
 * ggml_backend_rpc_start_server() both run this. */
#ifndef GW_DEVICE_SERVER_H
#define GW_DEVICE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/buf.h"
#include "base/status.h"
#include "transport/mode.h"
#include "transport/transport.h"
#include "wire/dialect.h"

struct gw_server;
struct gw_counters;

/* What whoever runs a server wants to hear of it, and knows about it; all of it may be missing. */
struct gw_server_watch {
	/* Where the server counts. Only where it serves one client at a time; otherwise, or with NULL, each client's
	 * numbers are its session's own. */
	struct gw_counters *counters;

	/* Appends the body of EXT_STATUS's reply; fails without a trace. NULL: the command does not exist. */
	enum gw_status (*status)(void *user, struct gw_buf *out);

	/* A client has begun to load more than a little. Called by the thread that serves it, which waits. */
	void (*loading)(void *user);
	void *user;
};

struct gw_pairing;
typedef enum gw_status (*gw_server_pair)(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err);

struct gw_server_options {
	ggml_backend_dev_t *devices;      /* lent, in this order; copied */
	size_t n_devices;                 /* 1 to GW_EXT_MAX_DEVICES */
	size_t n_threads;                 /* for devices that take a number of threads; 0 = theirs */
	const char *cache_dir;            /* NULL = no cache; copied */
	uint64_t cache_size;              /* bytes that the cache may have; 0 = no bound */
	const char *models;               /* what device/weights/model_files.h opens; NULL = none */
	const char *index_dir;            /* where their indices are */
	const struct gw_dialect *dialect; /* of connections that have no other */
	enum gw_transport_mode transport; /* which ones clients may use */
	uint64_t max_memory;              /* bytes that the buffers of one client may have; 0 = what the devices have */
	struct gw_server_watch watch;

	/* Connects to the other server of a pair, for the client at that address (gw_transport.peer): as
	 * gw_pairing_open (transport/tcp/pairing.h). NULL: this server joins no pairs. */
	gw_server_pair pair;
	void *pair_user;
};

/* What goes with the running ggml: the version that the stock server of its release speaks, as far as the numbers of
 * its operations tell. */
const struct gw_dialect *gw_server_dialect(void);

/* Checks the options and the running ggml; no backend is initialised yet. */
enum gw_status gw_server_new(const struct gw_server_options *options, struct gw_server **out, struct gw_error *err);
void gw_server_free(struct gw_server *server);

/* Serves one client, which speaks dialect (NULL: that of the options), until it leaves or is refused; takes over the
 * transport. Backends are initialised at the first
 * command that needs them, and freed with all buffers and graphs of this client on return. GW_ERR_CLOSED: the client
 * left cleanly. Otherwise why says which command and which check. Several threads may serve clients of one server at
 * once. */
enum gw_status gw_server_serve(struct gw_server *server, struct gw_transport *transport,
	const struct gw_dialect *dialect, struct gw_error *why);

/* Writes to the watch's counters what memory the devices have, of those only that tell it without being initialised
 * for it: CPUs, and those that a client has used in this process. Not while a client is served. */
void gw_server_look_at_memory(struct gw_server *server);

#endif
