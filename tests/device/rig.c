#include "device/rig.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "transport/list/transports.h"
#include "transport/loopback.h"

/* Loads backends from the build's plug-in directory, or from ggml's default place. */
static void load_backends(void)
{
	if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU))
		return;
	if (GGWIRE_RUN_BACKEND_DIR[0])
		ggml_backend_load_all_from_path(GGWIRE_RUN_BACKEND_DIR);
	else
		ggml_backend_load_all();
}

ggml_backend_dev_t rig_cpu(void)
{
	load_backends();
	ggml_backend_dev_t dev = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
	if (!dev)
		skip();
	return dev;
}

struct gw_server_options rig_options(void)
{
	static ggml_backend_dev_t devices[1];

	devices[0] = rig_cpu();
	return (struct gw_server_options){
		.devices = devices, .n_devices = 1, .n_threads = 1, .dialect = &gw_dialect_8_0};
}

struct gw_server *rig_server(const struct gw_server_options *options)
{
	struct gw_server *server = NULL;
	struct gw_error err = {0};

	if (gw_server_new(options, &server, &err) != GW_OK)
		fail_msg("%s", err.text);
	return server;
}

static void *serve_main(void *arg)
{
	struct rig *rig = arg;

	rig->end = gw_server_serve(rig->server, rig->far, &rig->visit, &rig->why);
	return NULL;
}

static void start(struct rig *rig)
{
	assert_int_equal(pthread_create(&rig->thread, NULL, serve_main, rig), 0);
}

void rig_serve(struct rig *rig, struct gw_server *server, struct gw_transport **near)
{
	rig->visit = (struct gw_server_visit){0};
	rig_serve_visit(rig, server, near);
}

void rig_serve_visit(struct rig *rig, struct gw_server *server, struct gw_transport **near)
{
	*rig = (struct rig){.server = server, .visit = rig->visit};
	assert_int_equal(gw_loopback_pair(0, near, &rig->far), GW_OK);
	start(rig);
}

void rig_serve_socket(struct rig *rig, struct gw_server *server, struct gw_transport **near)
{
	int fds[2];

	*rig = (struct rig){.server = server};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(gw_transport_from_fd(fds[0], near, NULL), GW_OK);
	assert_int_equal(gw_transport_from_fd(fds[1], &rig->far, NULL), GW_OK);
	start(rig);
}

void rig_serve_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache, struct gw_transport **near)
{
	rig->visit = (struct gw_server_visit){.cache = cache};
	rig_serve_visit(rig, server, near);
}

void rig_join(struct rig *rig)
{
	assert_int_equal(pthread_join(rig->thread, NULL), 0);
}

struct gw_client *rig_client(struct rig *rig, struct gw_server *server)
{
	return rig_client_cached(rig, server, NULL);
}

struct gw_client *rig_client_cached(struct rig *rig, struct gw_server *server, struct gw_cache *cache)
{
	struct gw_transport *near;
	struct gw_client *client = NULL;
	struct gw_error err = {0};

	rig_serve_cached(rig, server, cache, &near);
	if (gw_client_start(near, "loopback", 10000, &client, &err) != GW_OK)
		fail_msg("%s", err.text);
	return client;
}

void rig_leave(struct rig *rig, struct gw_client *client)
{
	gw_client_close(client);
	rig_join(rig);
	if (rig->end != GW_ERR_CLOSED)
		fail_msg("%s", rig->why.text);
}

struct gw_wire_tensor rig_tensor(
	uint32_t type, const struct rig_buffer *buffer, uint64_t offset, uint32_t ne0, uint32_t ne1)
{
	static _Atomic uint64_t next_id = 0x7f0000001000;
	enum ggml_type local = (enum ggml_type)type; /* the numbers of 8.0 are those of this ggml */
	uint32_t row = (uint32_t)ggml_row_size(local, ne0);
	struct gw_wire_tensor t = {
		.id = atomic_fetch_add(&next_id, 336),
		.type = type,
		.buffer = buffer ? buffer->handle : 0,
		.ne = {ne0, ne1, 1, 1},
		.nb = {(uint32_t)ggml_type_size(local), row, row * ne1, row * ne1},
		.flags = GGML_TENSOR_FLAG_COMPUTE,
		.data = buffer ? buffer->base + offset : 0,
		.name = "t",
	};

	return t;
}

uint32_t rig_op(const char *name)
{
	uint32_t op = gw_names_find(gw_dialect_8_0.ops, name);

	assert_int_not_equal(op, GW_NO_NUMBER);
	return op;
}

uint32_t rig_type(const char *name)
{
	uint32_t type = gw_names_find(gw_dialect_8_0.types, name);

	assert_int_not_equal(type, GW_NO_NUMBER);
	return type;
}

static void call(struct gw_client *c, enum gw_cmd cmd, const void *body, size_t size, void *reply, size_t reply_size)
{
	struct iovec part = {(void *)(uintptr_t)body, size};

	assert_int_equal(gw_client_call(c, cmd, &part, 1, reply, reply_size), GW_OK);
}

struct rig_buffer rig_alloc(struct gw_client *c, uint64_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct gw_wire_alloc_rsp rsp;
	struct rig_buffer b;

	size_t n = gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = size}, out);
	call(c, GW_CMD_ALLOC_BUFFER, out, n, in, sizeof(in));
	assert_true(gw_wire_alloc_rsp_decode(in, sizeof(in), &rsp));
	b = (struct rig_buffer){.handle = rsp.buffer, .size = rsp.size};
	if (!b.handle)
		return b;
	n = gw_wire_buffer_req_encode(b.handle, out);
	call(c, GW_CMD_BUFFER_GET_BASE, out, n, in, 8);
	assert_true(gw_wire_u64_rsp_decode(in, 8, &b.base));
	return b;
}

void rig_set(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, const void *data, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_set_req req = {.tensor = *t, .offset = offset};
	size_t n = gw_wire_set_req_encode(gw_client_dialect(c), &req, out);
	struct iovec parts[2] = {{out, n}, {(void *)(uintptr_t)data, size}};

	assert_int_equal(gw_client_post(c, GW_CMD_SET_TENSOR, parts, 2), GW_OK);
}

void rig_get(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t offset, void *data, size_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_get_req req = {.tensor = *t, .offset = offset, .size = size};
	size_t n = gw_wire_get_req_encode(gw_client_dialect(c), &req, out);

	call(c, GW_CMD_GET_TENSOR, out, n, data, size);
}

void rig_free(struct gw_client *c, const struct rig_buffer *buffer)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_buffer_req_encode(buffer->handle, out);
	struct iovec part = {out, n};

	assert_int_equal(gw_client_post(c, GW_CMD_FREE_BUFFER, &part, 1), GW_OK);
}

void *rig_graph(const struct gw_dialect *d, uint32_t device, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors, size_t *size)
{
	uint8_t *ids, *described;

	assert_true(gw_wire_graph_size(d, n_nodes, n_tensors, size));
	uint8_t *body = malloc(*size);
	assert_non_null(body);
	gw_wire_graph_begin(d, device, uid, n_nodes, n_tensors, body, &ids, &described);
	for (uint32_t i = 0; i < n_nodes; i++)
		gw_put_le64(ids + 8 * (size_t)i, nodes[i]);
	for (uint32_t i = 0; i < n_tensors; i++)
		gw_wire_tensor_encode(d, &tensors[i], described + GW_WIRE_TENSOR_SIZE * (size_t)i);
	return body;
}

void rig_compute(struct gw_client *c, uint64_t uid, const uint64_t *nodes, uint32_t n_nodes,
	const struct gw_wire_tensor *tensors, uint32_t n_tensors)
{
	size_t size;
	void *body = rig_graph(gw_client_dialect(c), 0, uid, nodes, n_nodes, tensors, n_tensors, &size);
	struct iovec part = {body, size};

	assert_int_equal(gw_client_post(c, GW_CMD_GRAPH_COMPUTE, &part, 1), GW_OK);
	free(body);
}

void rig_recompute(struct gw_client *c, uint64_t uid)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_recompute_req req = {.uid = uid};
	struct iovec part = {out, gw_wire_recompute_req_encode(gw_client_dialect(c), &req, out)};

	assert_int_equal(gw_client_post(c, GW_CMD_GRAPH_RECOMPUTE, &part, 1), GW_OK);
}

/* Some tests request impossible amounts of memory. The sanitizers read these options. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED const char *__asan_default_options(void);
EXPORTED const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}
