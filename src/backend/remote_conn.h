/* One connection to a server: what the server can do, which work is on its way, which graphs the server keeps. */
#ifndef GW_BACKEND_REMOTE_CONN_H
#define GW_BACKEND_REMOTE_CONN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "base/buf.h"
#include "base/map.h"
#include "ggml/opmap.h"
#include "rpc/commands.h"
#include "wire/peers.h"

/* How many graphs of a device a server keeps: with this many, the next one starts over. Part of the protocol. */
#define GW_REMOTE_GRAPHS 1024

/* The uid of a graph that ggml gave none, if it is repeated. ggml counts its own from 1. */
#define GW_REMOTE_UNNAMED UINT64_MAX

/* Whether the server keeps weights by their hash. */
enum gw_remote_cache {
	GW_REMOTE_CACHE_UNKNOWN,
	GW_REMOTE_CACHE_YES,
	GW_REMOTE_CACHE_NO,
};

/* Bytes; what is assumed of a server that cannot be asked. */
#define GW_REMOTE_DEFAULT_ALIGNMENT 128

struct gw_remote_conn_device {
	uint32_t flags;                /* GW_EXT_DEVICE_*, 0 from stock servers */
	_Atomic size_t alignment;      /* bytes; 0: not asked yet */
	_Atomic size_t max_size;       /* bytes; 0: not asked yet */
	struct gw_map graphs;          /* uid -> the generation in which the server got it; from 8.0 on */
	uint64_t last_uid;             /* of the graph that was computed last, before 8.0; 0: it has none */
	uint64_t last_generation;      /* in which that was */
	struct gw_buf unnamed;         /* the last graph that ggml gave no uid, as it was encoded */
	bool unnamed_kept;             /* the server was told to keep it under GW_REMOTE_UNNAMED */
	char description[GW_EXT_TEXT]; /* empty from stock servers */
};

/* A buffer that the server holds for this connection. */
struct gw_remote_buffer {
	uint64_t handle;
	uint64_t base; /* the address that the server gave it */
	struct gw_remote_buffer *prev, *next;
};

/* A link of this connection's server to that of another one: backend/links.h. */
struct gw_remote_link {
	uint64_t other; /* its serial */
	bool is_up;
};

struct gw_remote;

struct gw_remote_conn {
	struct gw_remote *remote;
	struct gw_client *client;
	const struct gw_dialect *dialect;
	const struct gw_opmap *opmap;
	unsigned extensions;
	uint32_t n_devices;
	uint64_t serial;          /* of all connections of this process; never 0 */
	bool makes_links;         /* the server understands EXT_LINK and what is done over links, */
	bool encrypts_links;      /* which are encrypted, because this connection uses TLS */
	bool exits;               /* a loss while it is used ends the program */
	atomic_bool failure_told; /* a graph was refused because the connection is lost, and that was logged */
	atomic_bool size_doubt;   /* an impossible allocation size was logged */

	unsigned refs;    /* under the remote's lock */
	atomic_bool used; /* written under the remote's lock */

	/* Held while something is posted whose place among the other requests matters. */
	pthread_mutex_t lock;
	struct gw_remote_conn_device *devices; /* n_devices */
	uint64_t generation;                   /* counts FREE_BUFFER: the server drops graphs then */
	struct gw_remote_buffer *buffers;
	_Atomic enum gw_remote_cache cache;
	bool xxh3;        /* weights are asked for by XXH3; constant */
	uint64_t work;    /* graphs posted so far */
	uint64_t covered; /* of these, how many were before the last request with a reply */
	uint64_t ticket;  /* of that request */
	bool outstanding; /* whether its reply was not drained yet */

	/* Under the lock of backend/links.h. */
	struct gw_remote_link links[GW_PEERS_LINKS_MAX]; /* by their number */
	uint32_t n_links;
	_Atomic uint64_t groups; /* numbers that are in use, as bits; read anywhere */
};

/* Asks the server what it is and has. Takes the client over, also on failure. exits: the loss of the connection ends
 * the program if a buffer or a backend uses it then. */
enum gw_status gw_remote_conn_new(struct gw_remote *remote, struct gw_client *client, bool exits,
	struct gw_remote_conn **out, struct gw_error *err);

/* Closes the connection, once nothing refers to it. */
void gw_remote_conn_free(struct gw_remote_conn *conn);

/* Everything about a server that decides about sizes, as a number that is not 0: its dialect, and the flags and
 * alignments of its devices. */
uint64_t gw_remote_conn_character(const struct gw_remote_conn *conn);

/* Bytes. If the connection is lost, a value that does no harm. */
size_t gw_remote_conn_alignment(struct gw_remote_conn *conn, uint32_t device);
size_t gw_remote_conn_max_size(struct gw_remote_conn *conn, uint32_t device);

#endif
