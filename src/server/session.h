/* What the server keeps for one client while it serves it. Private to this layer; one thread uses a session. */
#ifndef GW_SERVER_SESSION_H
#define GW_SERVER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "ggml/opmap.h"
#include "server/buffers.h"
#include "server/device.h"
#include "server/server.h"
#include "server/staging.h"
#include "session/peer.h"
#include "wire/tensor.h"

struct gw_cache;
struct gw_models;

struct gw_server {
	ggml_backend_dev_t *devices;
	size_t n_devices;
	int n_threads;
	uint64_t max_memory;      /* bytes; 0 = what the devices have */
	struct gw_cache *cache;   /* NULL = none */
	struct gw_models *models; /* NULL = none */
	const struct gw_dialect *dialect;
	enum gw_transport_mode transport;
};

struct gw_session {
	const struct gw_server *server;
	const struct gw_dialect *dialect;
	const struct gw_opmap *opmap;
	struct gw_peer *peer;
	struct gw_device *devices; /* server->n_devices */
	struct gw_buffers buffers;
	struct gw_staging staging;
	uint64_t received;  /* bytes of requests */
	uint64_t loaded;    /* bytes of tensors that came from files here instead */
	struct gw_buf body; /* a request that is read as a whole before it is decoded */
};

/* The device that a request names, or NULL (and the error) if this server lends no such device. */
struct gw_device *gw_session_device(struct gw_session *s, uint32_t index, struct gw_error *err);

/* Waits until no device of this session has work under way: before buffers' contents are touched or freed. */
void gw_session_synchronize(struct gw_session *s);

/* GW_ERR_COMPUTE if a graph that was waited for has failed. */
enum gw_status gw_session_outcome(const struct gw_session *s, struct gw_error *err);

/* The buffer of a handle, or NULL (and the error) if this client has none of that handle. */
struct gw_buffer *gw_session_buffer(struct gw_session *s, uint64_t handle, struct gw_error *err);

#endif
