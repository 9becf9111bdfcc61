#include "backend/query.h"

#include "backend/encode.h"
#include "backend/node_key.h"

/* Rows that devices pad. */
static bool is_padded(const struct ggml_tensor *t)
{
	return ggml_is_quantized(t->type) && t->ne[0] % 512 != 0 && !t->view_src;
}

/* ggml allows a plug-in more than ggml_nbytes in these cases only, and aborts in others. One that does not say which
 * has no such assertion. */
static bool may_expand(const struct ggml_tensor *t)
{
	return is_padded(t) || !ggml_op_alloc_size_may_expand || ggml_op_alloc_size_may_expand(t->op);
}

/* The operations for which the server's device may want more depend on its version. */
static bool is_worth_asking(const struct gw_remote_conn *conn, const struct ggml_tensor *t)
{
	return is_padded(t) || gw_opmap_may_expand(conn->opmap, t->op);
}

static bool query_alloc_size(struct gw_remote_conn *conn, uint32_t device, const struct ggml_tensor *t, uint64_t *size)
{
	struct gw_wire_node_req req;

	return gw_encode_node(conn, device, t, &req, NULL) == GW_OK &&
	       gw_client_alloc_size(conn->client, &req, size, NULL) == GW_OK;
}

static bool known_alloc_size(
	struct gw_remote_device *device, struct gw_remote_conn *conn, const struct ggml_tensor *t, uint64_t *size)
{
	struct gw_node_key key;

	gw_node_key_make(&key, device->index, t);
	if (gw_reply_cache_find(&device->remote->alloc_sizes, key.bytes, key.size, size))
		return true;
	if (!query_alloc_size(conn, device->index, t, size))
		return false;
	gw_reply_cache_put(&device->remote->alloc_sizes, key.bytes, key.size, *size);
	return true;
}

static bool is_plain(const struct gw_remote_device *device, const struct gw_remote_conn *conn)
{
	return device->index >= conn->n_devices ||
	       (conn->devices[device->index].flags & GW_EXT_DEVICE_PLAIN_ALLOC) != 0;
}

size_t gw_query_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *t)
{
	size_t bytes = ggml_nbytes(t);
	struct gw_remote_conn *conn;
	uint64_t size = 0;

	if (!may_expand(t) || gw_remote_current(device->remote, &conn) != GW_OK)
		return bytes;
	bool known = !is_plain(device, conn) && is_worth_asking(conn, t) && known_alloc_size(device, conn, t, &size);
	gw_remote_put(conn);
	/* Strides are cut on the wire, so that the server may know less of them than we do. */
	return known && size > bytes ? (size_t)size : bytes;
}

static bool is_no_op(enum ggml_op op)
{
	return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW || op == GGML_OP_PERMUTE ||
	       op == GGML_OP_TRANSPOSE;
}

/* req is what the server would be asked. */
static bool query_supports_op(struct gw_remote_device *device, struct gw_remote_conn *conn,
	const struct ggml_tensor *op, const struct gw_wire_node_req *req)
{
	struct gw_node_key key;
	uint64_t known;
	bool supported;

	if (conn->devices[device->index].flags & GW_EXT_DEVICE_SHAPES)
		gw_node_key_make_shapes(&key, device->index, op);
	else
		gw_node_key_make(&key, device->index, op);
	if (gw_reply_cache_find(&device->remote->supported, key.bytes, key.size, &known))
		return known;
	if (gw_client_supports_op(conn->client, req, &supported, NULL) != GW_OK)
		return true;
	gw_reply_cache_put(&device->remote->supported, key.bytes, key.size, supported);
	return supported;
}

bool gw_query_supports_op(struct gw_remote_device *device, const struct ggml_tensor *op)
{
	struct gw_remote_conn *conn;
	struct gw_wire_node_req req;

	if (is_no_op(op->op) || gw_remote_current(device->remote, &conn) != GW_OK)
		return true;
	/* What the protocol cannot express is never sent. */
	bool supported = gw_encode_node(conn, device->index, op, &req, NULL) == GW_OK;
	if (supported && conn->extensions && device->index < conn->n_devices)
		supported = query_supports_op(device, conn, op, &req);
	gw_remote_put(conn);
	return supported;
}
