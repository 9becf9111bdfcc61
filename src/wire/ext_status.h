/* EXT_STATUS: what a ggwire server is doing. docs/protocol.md, "Extensions".
 *
 * Request: empty. Reply: at most GW_EXT_STATUS_MAX bytes:
 *   record of the server | u32 n_devices | that many records | u32 n_clients | that many records
 * where a record is u32 length, then that many bytes. Readers ignore what is in a record, and after the last one,
 * beyond what they know, so that both can grow.
 *   server: u64 time | u64 uptime | u32 max_clients | u32 workers | u8 protocol[3] | u8 0 | str version | counts
 *   device: u64 total | u64 free | u64 age | str name | str description
 *   client: u32 flags | u32 transport | u8 protocol[3] | u8 0 | u64 connected | u64 idle | u64 buffers |
 *           u64 buffer_bytes | str address | str endpoint | counts | str identity
 *   counts: u32 n | that many u64, in the order of enum gw_ext_count; what a reader misses is 0 */
#ifndef GW_WIRE_EXT_STATUS_H
#define GW_WIRE_EXT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/dialect.h"
#include "wire/extension.h"

#define GW_EXT_STATUS_MAX (4u << 20)
#define GW_EXT_STATUS_CLIENTS 4096

/* How long graphs took: the upper bounds of the first GW_EXT_BUCKETS - 1 classes, in nanoseconds; the last has none. */
#define GW_EXT_BUCKETS 18
extern const uint64_t gw_ext_bucket_ns[GW_EXT_BUCKETS - 1];

/* What only grows: of a client since it connected, of the server since it started. New ones are added at the end. */
enum gw_ext_count {
	GW_COUNT_RECEIVED,       /* bytes from clients, framing included */
	GW_COUNT_SENT,           /* bytes to clients */
	GW_COUNT_GRAPHS,         /* graphs computed */
	GW_COUNT_GRAPH_NS,       /* what they took, in nanoseconds */
	GW_COUNT_LOADED_NETWORK, /* bytes of tensors that clients sent */
	GW_COUNT_LOADED_CACHE,   /* bytes of tensors that came from the cache's files instead */
	GW_COUNT_LOADED_MODEL,   /* and from files of models */
	GW_COUNT_CONNECTIONS,    /* of the server: connections that a worker was given */
	GW_COUNT_REFUSED,        /* and that were turned away */
	GW_COUNT_DROPPED,        /* clients that ended otherwise than cleanly */
	GW_COUNT_BUCKET,         /* graphs by gw_ext_bucket_ns */
	GW_COUNT_TOKENS = GW_COUNT_BUCKET + GW_EXT_BUCKETS, /* rows of logits that clients read: one for each token */
	GW_COUNTS,
};

#define GW_EXT_UNKNOWN UINT64_MAX /* an unknown age */

enum gw_ext_transport {
	GW_EXT_TRANSPORT_TCP = 0,
	GW_EXT_TRANSPORT_UNIX = 1,
	GW_EXT_TRANSPORT_RDMA = 2,
	GW_EXT_TRANSPORT_TLS = 3,
};

enum {
	GW_EXT_CLIENT_SELF = 1 << 0, /* the client that asks */
	GW_EXT_CLIENT_TOOL = 1 << 1, /* it has only looked at the server, as `ggwire top` and `ggwire devices` do */
};

struct gw_ext_status_device {
	uint64_t total; /* bytes */
	uint64_t free;
	uint64_t age_ms; /* of these two numbers, or GW_EXT_UNKNOWN */
	char name[GW_EXT_TEXT];
	char description[GW_EXT_TEXT];
};

struct gw_ext_status_client {
	uint32_t flags;
	uint32_t transport; /* one of enum gw_ext_transport, or one that this side does not know */
	struct gw_version protocol;
	uint64_t connected_ms; /* since it connected */
	uint64_t idle_ms;      /* since its last request */
	uint64_t buffers;
	uint64_t buffer_bytes;
	uint64_t count[GW_COUNTS];
	char address[GW_EXT_TEXT];
	char endpoint[GW_EXT_TEXT]; /* of the server, to which it connected */
	char identity[GW_EXT_TEXT]; /* whose key it has; "" = it has none, or the server does not say */
};

struct gw_ext_status {
	uint64_t time_ms; /* since 1970, by the server's clock */
	uint64_t uptime_ms;
	uint32_t max_clients;
	uint32_t workers;           /* processes */
	struct gw_version protocol; /* of the usual endpoint */
	char version[GW_EXT_TEXT];
	char host[GW_EXT_TEXT];      /* the machine's name; "" from older servers, here and below */
	char endpoints[GW_EXT_TEXT]; /* that are served, separated by ", " */
	uint64_t count[GW_COUNTS];
	uint32_t n_devices;
	uint32_t n_clients;
	struct gw_ext_status_device *devices; /* owned: gw_ext_status_free */
	struct gw_ext_status_client *clients; /* owned */
};

/* The class of a graph that took so long: 0 to GW_EXT_BUCKETS - 1. */
unsigned gw_ext_bucket(uint64_t ns);

/* "tcp", "unix", "rdma", "tls", or "other". Static storage. */
const char *gw_ext_transport_name(uint32_t transport);

/* What people call a client: "alice@192.0.2.7:40312", or its address alone where it has no identity. Returns out. */
#define GW_EXT_CLIENT_NAME (2 * GW_EXT_TEXT)
const char *gw_ext_client_name(const struct gw_ext_status_client *client, char out[GW_EXT_CLIENT_NAME]);

/* Whether lists of clients leave it out: a tool, or the client that asks. */
bool gw_ext_client_is_tool(const struct gw_ext_status_client *client);

/* How many clients are no tools. */
uint32_t gw_ext_status_users(const struct gw_ext_status *status);

/* Appends the reply's body. GW_ERR_LIMIT beyond GW_EXT_STATUS_MAX, GW_EXT_MAX_DEVICES or GW_EXT_STATUS_CLIENTS. */
enum gw_status gw_ext_status_encode(const struct gw_ext_status *status, struct gw_buf *out);

/* Fills *status on GW_OK only. GW_ERR_PROTOCOL if the body is cut or beyond the bounds. */
enum gw_status gw_ext_status_decode(const void *body, size_t size, struct gw_ext_status *status);
void gw_ext_status_free(struct gw_ext_status *status);

#endif
