#include "backend/backend.h"

#include <stdlib.h>
#include <string.h>

#include "backend/backend_state.h"
#include "backend/copy.h"
#include "backend/event.h"
#include "backend/query.h"
#include "backend/sequence.h"
#include "backend/transfer.h"
#include "base/log.h"
#include "ggml/abi.h"

/* The identity of RPC backends, which other implementations share. */
static ggml_guid guid = {
	0x99, 0x68, 0x5b, 0x6c, 0xd2, 0x83, 0x3d, 0x24, 0x25, 0x36, 0x72, 0xe1, 0x5b, 0x0e, 0x14, 0x03};

static const char *backend_name(ggml_backend_t backend)
{
	return gw_backend_of(backend)->device->place;
}

static void backend_free(ggml_backend_t backend)
{
	struct gw_backend *b = gw_backend_of(backend);

	/* The caller may be about to free the memory that outstanding replies go to. */
	gw_sequence_wait(b->conn);
	gw_remote_put(b->conn);
	gw_graph_encoder_free(&b->encoder);
	free(b);
}

/* The tensor's buffer, or NULL and a line in the log: ggml should not have called. */
static struct gw_buffer *buffer_of(ggml_backend_t backend, const struct ggml_tensor *tensor)
{
	struct gw_buffer *buffer = gw_buffer_of(tensor);

	if (!buffer)
		gw_log_error("RPC: %s: tensor '%s' is not in an RPC buffer", backend_name(backend), tensor->name);
	return buffer;
}

static bool is_weight(const struct ggml_tensor *tensor)
{
	const struct ggml_tensor *owner = tensor->view_src ? tensor->view_src : tensor;
	return owner->buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
}

static void backend_set_2d(ggml_backend_t backend, struct ggml_tensor *tensor, const void *data, size_t offset,
	size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data)
{
	struct gw_buffer *buffer = buffer_of(backend, tensor);
	struct gw_rows rows = {offset, size, n_copies, stride_tensor};

	if (buffer)
		gw_transfer_set(buffer, tensor, data, &rows, stride_data, is_weight(tensor));
}

static void backend_get_2d(ggml_backend_t backend, const struct ggml_tensor *tensor, void *data, size_t offset,
	size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data)
{
	struct gw_buffer *buffer = buffer_of(backend, tensor);
	struct gw_rows rows = {offset, size, n_copies, stride_tensor};

	if (buffer)
		gw_transfer_get(buffer, tensor, data, &rows, stride_data, false);
}

static void backend_set(
	ggml_backend_t backend, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size)
{
	backend_set_2d(backend, tensor, data, offset, size, 1, size, size);
}

static void backend_get(
	ggml_backend_t backend, const struct ggml_tensor *tensor, void *data, size_t offset, size_t size)
{
	backend_get_2d(backend, tensor, data, offset, size, 1, size, size);
}

static bool backend_copy(
	ggml_backend_t src_backend, ggml_backend_t dst_backend, const struct ggml_tensor *src, struct ggml_tensor *dst)
{
	const struct gw_buffer *from = gw_buffer_of(src);
	const struct gw_buffer *to = gw_buffer_of(dst);

	if (!gw_backend_is_rpc(src_backend) || !from || !to || to->conn != gw_backend_of(dst_backend)->conn)
		return false;
	if (from->conn == to->conn)
		return gw_copy_on_server(src, dst);
	return gw_copy_over_link(src, dst) || gw_copy_between_servers(src, dst);
}

static void backend_synchronize(ggml_backend_t backend)
{
	gw_sequence_wait(gw_backend_of(backend)->conn);
}

/* ggml takes a node for supported if its memory is on the device, whatever the server says. */
static enum gw_status check_supported(const struct gw_backend *b, struct ggml_cgraph *graph, struct gw_error *err)
{
	if (!atomic_load(&b->device->remote->overruled))
		return GW_OK;
	for (int i = 0; i < ggml_graph_n_nodes(graph); i++) {
		const struct ggml_tensor *node = ggml_graph_node(graph, i);
		if (gw_query_is_refused(b->device, b->conn, node))
			return gw_error_set(err, GW_ERR_UNSUPPORTED,
				"%s of node '%s': the server's device, which has its memory, does not support it",
				ggml_op_desc(node), node->name);
	}
	return GW_OK;
}

/* One line for each connection, however often the program tries again. */
static enum ggml_status refuse_lost(struct gw_backend *b)
{
	if (!atomic_exchange(&b->conn->failure_told, true))
		gw_log_error(
			"RPC: %s: cannot compute: the connection was lost, and with it the contents of its buffers",
			b->device->place);
	return GGML_STATUS_FAILED;
}

static enum gw_status post_graph(struct gw_backend *b, struct ggml_cgraph *graph, struct gw_error *err)
{
	uint64_t uid = gw_abi_graph_uid(graph);
	enum gw_status status;

	if (gw_sequence_recompute(b->conn, b->device->index, uid, &status))
		return status;
	status = check_supported(b, graph, err);
	if (status != GW_OK)
		return status;
	status = gw_graph_encode(&b->encoder, b->conn, b->device->index, uid, graph, err);
	if (status != GW_OK)
		return status;
	return gw_sequence_compute(b->conn, b->device->index, uid, b->encoder.body.data, b->encoder.body.len);
}

/* Graphs of a group's servers are pieces of one, with all-reduces between them: many short ones in a row. */
static enum gw_status start(struct gw_remote_conn *conn)
{
	if (!conn->groups)
		return gw_client_flush(conn->client);
	gw_client_flush_later(conn->client);
	return GW_OK;
}

static enum ggml_status backend_compute(ggml_backend_t backend, struct ggml_cgraph *graph)
{
	struct gw_backend *b = gw_backend_of(backend);
	struct gw_error err = {0};

	if (gw_client_lost(b->conn->client))
		return refuse_lost(b);
	if (ggml_graph_n_nodes(graph) == 0)
		return GGML_STATUS_SUCCESS;
	enum gw_status status = post_graph(b, graph, &err);
	if (status == GW_OK)
		status = start(b->conn);
	if (status == GW_OK)
		return GGML_STATUS_SUCCESS;
	if (err.status == GW_OK || err.status == GW_ERR_LOST)
		return refuse_lost(b);
	gw_log_error("RPC: %s: cannot compute: %s", b->device->place, err.text);
	return err.status == GW_ERR_NOMEM ? GGML_STATUS_ALLOC_FAILED : GGML_STATUS_FAILED;
}

static const struct ggml_backend_i backend_iface = {
	.get_name = backend_name,
	.free = backend_free,
	.set_tensor_async = backend_set,
	.get_tensor_async = backend_get,
	.set_tensor_2d_async = backend_set_2d,
	.get_tensor_2d_async = backend_get_2d,
	.cpy_tensor_async = backend_copy,
	.synchronize = backend_synchronize,
	.graph_compute = backend_compute,
	.event_record = gw_event_record,
	.event_wait = gw_event_wait,
};

ggml_backend_t gw_backend_new(struct gw_remote_device *device)
{
	struct gw_backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	if (gw_remote_connect(device->remote, &b->conn) != GW_OK)
		goto free_backend;
	if (device->index >= b->conn->n_devices) {
		gw_log_error("RPC: %s: the server no longer has this device", device->place);
		goto put_link;
	}
	gw_remote_use(b->conn);
	b->device = device;
	b->base = (struct ggml_backend){.guid = &guid, .iface = backend_iface, .device = &device->base, .context = b};
	return &b->base;

put_link:
	gw_remote_put(b->conn);
free_backend:
	free(b);
	return NULL;
}

bool gw_backend_is_rpc(ggml_backend_t backend)
{
	return backend && backend->iface.get_name == backend_name;
}
