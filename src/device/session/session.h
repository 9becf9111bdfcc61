/* What the server keeps for one client while it serves it. Private to device/; one thread uses a session. */
#ifndef GW_DEVICE_SESSION_SESSION_H
#define GW_DEVICE_SESSION_SESSION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "device/memory/budget.h"
#include "device/memory/buffers.h"
#include "device/session/counters.h"
#include "device/session/device.h"
#include "device/session/staging.h"
#include "device/session/watch.h"
#include "ggml/opmap.h"
#include "rpc/connection.h"
#include "transport/mode.h"
#include "wire/tensor.h"

struct gw_cache;
struct gw_gone;
struct gw_models;
struct gw_peers;
struct gw_prefault;

/* What the sessions of a server share. */
struct gw_server {
	ggml_backend_dev_t *devices;
	size_t n_devices;
	int n_threads;
	uint64_t max_memory;      /* bytes; 0 = what the devices have */
	struct gw_models *models; /* NULL = none */
	const struct gw_dialect *dialect;
	enum gw_transport_mode transport;
	struct gw_server_watch watch;
	gw_server_pair pair; /* NULL = none */
	gw_server_await_link await_link;
	void *pair_user;
	atomic_bool *touched; /* devices that this process has asked for memory; n_devices */
};

struct gw_session {
	const struct gw_server *server;
	const struct gw_dialect *dialect;
	const struct gw_opmap *opmap;
	struct gw_connection *peer;
	struct gw_device *devices; /* server->n_devices */
	struct gw_budget_share share;
	struct gw_budget budget; /* of everything that this client makes the server hold, except for what is constant */
	struct gw_buffers buffers;
	struct gw_staging staging;
	struct gw_prefault *prefault; /* NULL until there is use for it */
	struct gw_cache *cache;       /* lent; NULL = none */
	struct gw_peers *peers;       /* links to other servers; NULL until there is use for it */
	uint64_t peers_taken;         /* bytes of the budget, for the memory of peers */
	struct gw_counters *counters;
	struct gw_counters *own;       /* the same if they are this session's own, else NULL */
	struct gw_ext_refusal refused; /* as in struct gw_server_visit */
	bool introduced;               /* the client knows extensions */
	bool tainted;                  /* it has asked for more than what struct command calls a question */
	bool computed;                 /* a graph, since logits were read last */
	bool working;                  /* it has asked for a buffer */
	uint64_t loading;              /* bytes of tensors since the last graph, until they are reported */
	struct gw_buf body;            /* a request that is read as a whole before it is decoded */
	uint64_t body_taken;           /* bytes of the budget, for body */
	atomic_bool stopping;          /* the server shuts down */
	atomic_bool stop;              /* the client has gone: what is being done for it is to end */
	struct gw_gone *gone;          /* sets it; NULL: nothing does */
};

/* Prepares a session on a connection whose handshake is over; no backend is initialised yet. server and peer are lent.
 * GW_ERR_NOMEM; *s needs no gw_session_free then. */
enum gw_status gw_session_init(struct gw_session *s, const struct gw_server *server, struct gw_connection *peer);

/* Waits for what the devices have under way, then frees all that the client had. */
void gw_session_free(struct gw_session *s);

/* The device that a request names, or NULL (and the error) if this server lends no such device. */
struct gw_device *gw_session_device(struct gw_session *s, uint32_t index, struct gw_error *err);

/* Waits until no device of this session has work under way: before buffers' contents are touched or freed. */
void gw_session_synchronize(struct gw_session *s);

/* Counts bytes of a tensor that came from somewhere: one of GW_COUNT_LOADED_. */
void gw_session_loaded(struct gw_session *s, enum gw_ext_count source, uint64_t bytes);

/* What memory a device has and how much of it is free, in bytes. */
void gw_session_ask_memory(struct gw_session *s, const struct gw_device *device, size_t *available, size_t *total);

/* Writes to counters what memory device i of the server has. */
void gw_server_note_memory(const struct gw_server *server, struct gw_counters *counters, size_t i);

/* Publishes what buffers there are, and what memory their device has. */
void gw_session_count_memory(struct gw_session *s, const struct gw_device *device);

/* GW_ERR_COMPUTE if a graph that was waited for has failed. */
enum gw_status gw_session_outcome(const struct gw_session *s, struct gw_error *err);

/* The buffer of a handle, or NULL (and the error) if this client has no such handle. */
struct gw_buffer *gw_session_buffer(struct gw_session *s, uint64_t handle, struct gw_error *err);

#endif
