/* A server with the real CPU device that serves one loopback connection in a thread. */
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

/* The CPU device; the test is skipped if this ggml has none. */
ggml_backend_dev_t rig_cpu(void);

/* Options with the CPU device, one thread, and protocol 8.0. */
struct gw_server_options rig_options(void);

struct gw_server *rig_server(const struct gw_server_options *options);

/* One connection. */
struct rig {
	struct gw_server *server;     /* lent */
	struct gw_transport *far;     /* the server's end; its thread's */
	struct gw_server_visit visit; /* what it is served with, after rig_join what came of it */
	pthread_t thread;
	enum gw_status end; /* after rig_join: how serving ended, and why */
	struct gw_error why;
};

/* Starts to serve; *near is the client's end, the caller's. rig_serve_visit takes over rig->visit as it is. */
void rig_serve_visit(struct rig *rig, struct gw_server *server, struct gw_transport **near);
void rig_serve(struct rig *rig, struct gw_server *server, struct gw_transport **near);

/* The same over a pair of sockets: a server notices there by itself that the client has gone. */
void rig_serve_socket(struct rig *rig, struct gw_server *server, struct gw_transport **near);
void rig_join(struct rig *rig);

/* The same for a client that has a cache. */
void rig_serve_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache, struct gw_transport **near);

/* The same with a client that has shaken hands. rig_leave closes it and expects that the server saw it leave cleanly.
 */
struct gw_client *rig_client(struct rig *rig, struct gw_server *server);
struct gw_client *rig_client_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache);
void rig_leave(struct rig *rig, struct gw_client *client);

/* A buffer as a client knows it. */
struct rig_buffer {
	uint64_t handle;
	uint64_t base;
	uint64_t size;
};

/* Tensors: contiguous, in a buffer at an offset. ids are unique in the process. */
struct gw_wire_tensor rig_tensor(
	uint32_t type, const struct rig_buffer *buffer, uint64_t offset, uint32_t ne0, uint32_t ne1);

/* Numbers of protocol 8.0. */
uint32_t rig_op(const char *name);
uint32_t rig_type(const char *name);

/* Commands through a client; they fail the test if the client says so. */
struct rig_buffer rig_alloc(struct gw_client *c, uint64_t size);
void rig_set(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, const void *data, size_t size);
void rig_get(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, void *data, size_t size);
void rig_free(struct gw_client *c, const struct rig_buffer *buffer);

/* A graph's body; the result is malloc'ed. */
void *rig_graph(const struct gw_dialect *d, uint32_t device, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors, size_t *size);
void rig_compute(struct gw_client *c, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors);
void rig_recompute(struct gw_client *c, uint64_t uid);

#endif
