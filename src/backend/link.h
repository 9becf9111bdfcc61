/* One connection to a server: what it can do, which work is on its way, which graphs it keeps. */
#ifndef GW_BACKEND_LINK_H
#define GW_BACKEND_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ggml-backend.h>

#include "backend/remote.h"
#include "base/map.h"
#include "ggml/opmap.h"
#include "rpc/client.h"
#include "wire/extension.h"
#include "wire/message.h"

struct gw_buffer;

/* How many graphs of a device a server keeps: with this many, the next one starts over. Part of the protocol. */
#define GW_LINK_GRAPHS 1024

/* Whether the server keeps weights by their hash. */
enum gw_link_cache {
	GW_LINK_CACHE_UNKNOWN,
	GW_LINK_CACHE_YES,
	GW_LINK_CACHE_NO,
};

/* Bytes; what is assumed of a server that cannot be asked. */
#define GW_LINK_DEFAULT_ALIGNMENT 128

struct gw_link_device {
	uint32_t flags;                /* GW_EXT_DEVICE_*, 0 from stock servers */
	size_t alignment;              /* bytes; 0 = not asked yet */
	size_t max_size;               /* bytes; 0 = not asked yet */
	struct gw_map graphs;          /* uid -> the generation in which the server got it; from 8.0 on */
	uint64_t last_uid;             /* of the graph that was computed last, before 8.0; 0 = it has none */
	uint64_t last_generation;      /* in which that was */
	char description[GW_EXT_TEXT]; /* empty from stock servers */
};

struct gw_link {
	struct gw_remote *remote;
	struct gw_client *client;
	const struct gw_dialect *dialect;
	const struct gw_opmap *opmap;
	unsigned extensions;
	uint32_t n_devices;
	atomic_bool failure_told; /* a graph was refused because the connection is lost, and that was logged */
	atomic_bool size_doubt;   /* it was logged that the server wants more for a tensor than can be */

	unsigned refs; /* this and used: under remote->lock */
	bool used;

	/* Held while something is posted whose place among the other requests matters. */
	pthread_mutex_t lock;
	struct gw_link_device *devices; /* n_devices */
	uint64_t generation;            /* counts FREE_BUFFER: the server drops graphs then */
	struct gw_buffer *buffers;      /* the live ones, a list */
	enum gw_link_cache cache;
	bool allocates;   /* EXT_ALLOC; constant */
	bool xxh3;        /* weights are asked for by XXH3; constant */
	uint64_t work;    /* graphs posted so far */
	uint64_t covered; /* of these, how many were before the last request with an answer */
	uint64_t ticket;  /* of that request */
	bool outstanding; /* whether its answer was not drained yet */
};

/* Asks the server what it is and has. Takes the client over, also on failure. */
enum gw_status gw_link_new(
	struct gw_remote *remote, struct gw_client *client, struct gw_link **out, struct gw_error *err);

/* Closes the connection. Only for gw_link_put and its like. */
void gw_link_free(struct gw_link *link);

/* What of a server decides about sizes, as a number that is not 0: its dialect, its devices' flags and alignments. */
uint64_t gw_link_character(const struct gw_link *link);

/* Bytes; of a lost connection, what does no harm. */
size_t gw_link_alignment(struct gw_link *link, uint32_t device);
size_t gw_link_max_size(struct gw_link *link, uint32_t device);

/* GET_TENSOR and GET_TENSOR_2D: dest is filled when gw_link_wait returns, or earlier; with zeros if the connection is
 * lost. */
void gw_link_get(struct gw_link *link, enum gw_cmd cmd, const struct iovec *request, const struct gw_dest *dest);

/* Marks the end of the work posted so far: *ticket is to be drained to know that it is done. False if it is known
 * already; then nothing is sent. */
bool gw_link_mark(struct gw_link *link, uint64_t *ticket);

/* Waits until a ticket's answer has come. */
void gw_link_drain(struct gw_link *link, uint64_t ticket);

/* Waits until all work is done and all answers are there. No system call where nothing is outstanding. */
void gw_link_wait(struct gw_link *link);

/* Posts the request that has the server run the graph uid of this device once more, if it has it. */
bool gw_link_recompute(struct gw_link *link, uint32_t device, uint64_t uid, enum gw_status *status);

/* Posts a graph, which the server keeps under its uid unless that is 0. */
enum gw_status gw_link_compute(struct gw_link *link, uint32_t device, uint64_t uid, const struct iovec *body);

/* Enters a buffer that is usable, and takes it out while telling the server to free it. */
void gw_link_add_buffer(struct gw_link *link, struct gw_buffer *buffer);
void gw_link_drop_buffer(struct gw_link *link, struct gw_buffer *buffer);

#endif
