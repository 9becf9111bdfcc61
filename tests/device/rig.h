/* Runs a server with the real CPU device that serves one loopback connection in a thread. */
#ifndef GW_TESTS_SERVER_RIG_H
#define GW_TESTS_SERVER_RIG_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/server.h"
#include "rpc/client.h"
#include "wire/message.h"

/* Returns the CPU device. Skips the test if this ggml has none. */
ggml_backend_dev_t rig_cpu(void);

/* Options with the CPU device, one thread, and protocol 8.0. */
struct gw_server_options rig_options(void);

struct gw_server *rig_server(const struct gw_server_options *options);

/* One connection. */
struct rig {
	struct gw_server *server;     /* borrowed */
	struct gw_transport *far;     /* the server's end; the thread owns it */
	struct gw_server_visit visit; /* how to serve the client; after rig_join also the outcome */
	pthread_t thread;
	enum gw_status end; /* after rig_join: the status and reason with which serving ended */
	struct gw_error why;
};

/* Starts to serve. *near is the client's end, which the caller owns. rig_serve_visit uses rig->visit unchanged. */
void rig_serve_visit(struct rig *rig, struct gw_server *server, struct gw_transport **near);
void rig_serve(struct rig *rig, struct gw_server *server, struct gw_transport **near);

/* The same over a socket pair, on which the server notices by itself when the client disconnects. */
void rig_serve_socket(struct rig *rig, struct gw_server *server, struct gw_transport **near);
void rig_join(struct rig *rig);

/* The same, for a client with a cache. */
void rig_serve_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache, struct gw_transport **near);

/* The same, with a client that has completed the handshake. rig_leave disconnects it and expects the server to see a
 * clean end. */
struct gw_client *rig_client(struct rig *rig, struct gw_server *server);
struct gw_client *rig_client_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache);
void rig_leave(struct rig *rig, struct gw_client *client);

/* A buffer as the client sees it. */
struct rig_buffer {
	uint64_t handle;
	uint64_t base;
	uint64_t size;
};

/* Contiguous tensors at an offset of a buffer. Ids are unique in the process. */
struct gw_wire_tensor rig_tensor(
	uint32_t type, const struct rig_buffer *buffer, uint64_t offset, uint32_t ne0, uint32_t ne1);

/* The numbers of protocol 8.0. */
uint32_t rig_op(const char *name);
uint32_t rig_type(const char *name);

/* These send commands through a client and fail the test if the client reports an error. */
struct rig_buffer rig_alloc(struct gw_client *c, uint64_t size);
void rig_set(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, const void *data, size_t size);
void rig_get(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, void *data, size_t size);
void rig_free(struct gw_client *c, const struct rig_buffer *buffer);

/* Encodes the body of a graph. The result is malloc'ed. */
void *rig_graph(const struct gw_dialect *d, uint32_t device, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors, size_t *size);
void rig_compute(struct gw_client *c, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors);
void rig_recompute(struct gw_client *c, uint64_t uid);

#endif
