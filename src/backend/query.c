#include "backend/query.h"

#include "backend/answers/node_key.h"
#include "backend/encode.h"
#include "base/checked.h"
#include "base/log.h"

/* Bounds of what a device can want for a tensor: this many times the bytes of the node and its sources, and as many
 * bytes more. Metal keeps 32 partial results of FLASH_ATTN_EXT in a tensor's memory. */
#define MAX_FACTOR 64
#define MAX_EXTRA (UINT64_C(64) << 20)

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

/* ggml aborts if a sum of sizes overflows. */
static uint64_t max_alloc_size(const struct ggml_tensor *t)
{
	uint64_t bytes = ggml_nbytes(t), most;

	for (int i = 0; i < GGML_MAX_SRC; i++)
		if (t->src[i] && !gw_add_u64(bytes, ggml_nbytes(t->src[i]), &bytes))
			return ggml_nbytes(t);
	if (!gw_mul_u64(bytes, MAX_FACTOR, &most) || !gw_add_u64(most, MAX_EXTRA, &most) || most > SIZE_MAX / 4)
		return ggml_nbytes(t);
	return most;
}

/* The server's answer within its bounds. Strides are cut on the wire, so that the server may know less of them than we
 * do. */
static size_t bound_alloc_size(
	const struct gw_remote_device *device, struct gw_remote_conn *conn, const struct ggml_tensor *t, uint64_t size)
{
	size_t bytes = ggml_nbytes(t);

	if (size <= bytes)
		return bytes;
	if (size <= max_alloc_size(t))
		return (size_t)size;
	if (!atomic_exchange(&conn->size_doubt, true))
		gw_log_error("RPC: %s: the server announces %llu bytes for tensor '%s' (%s) of %zu bytes, which is "
			     "impossible; "
			     "using %zu",
			device->place, (unsigned long long)size, t->name, ggml_op_desc(t), bytes, bytes);
	return bytes;
}

/* conn may be NULL, or lost. */
static size_t known_alloc_size(
	struct gw_remote_device *device, struct gw_remote_conn *conn, const struct ggml_tensor *t)
{
	struct gw_reply_cache *cache = &device->remote->alloc_sizes;
	struct gw_node_key key;
	uint64_t size;

	gw_node_key_make(&key, device->index, t);
	if (gw_reply_cache_find(cache, key.bytes, key.size, &size))
		return (size_t)size;
	bool answered = conn && query_alloc_size(conn, device->index, t, &size);
	size_t number = answered ? bound_alloc_size(device, conn, t, size) : ggml_nbytes(t);
	number = gw_remote_tell(device->remote, conn, "the allocation size of a tensor", key.bytes, key.size, number);
	if (answered)
		gw_reply_cache_put(cache, key.bytes, key.size, number);
	return number;
}

static bool is_plain(const struct gw_remote_device *device, const struct gw_remote_conn *conn)
{
	return device->index >= conn->n_devices ||
	       (conn->devices[device->index].flags & GW_EXT_DEVICE_PLAIN_ALLOC) != 0;
}

size_t gw_query_alloc_size(struct gw_remote_device *device, const struct ggml_tensor *t)
{
	struct gw_remote_conn *conn;

	if (!may_expand(t))
		return ggml_nbytes(t);
	if (gw_remote_current(device->remote, &conn) != GW_OK)
		return known_alloc_size(device, NULL, t);
	bool asked = !is_plain(device, conn) && is_worth_asking(conn, t);
	if (!asked)
		atomic_store_explicit(&device->remote->told.any, true, memory_order_relaxed);
	size_t size = asked ? known_alloc_size(device, conn, t) : ggml_nbytes(t);
	gw_remote_put(conn);
	return size;
}

static bool is_no_op(enum ggml_op op)
{
	return op == GGML_OP_NONE || op == GGML_OP_RESHAPE || op == GGML_OP_VIEW || op == GGML_OP_PERMUTE ||
	       op == GGML_OP_TRANSPOSE;
}

static void make_support_key(const struct gw_remote_device *device, const struct gw_remote_conn *conn,
	const struct ggml_tensor *op, struct gw_node_key *key)
{
	if (conn->devices[device->index].flags & GW_EXT_DEVICE_SHAPES)
		gw_node_key_make_shapes(key, device->index, op);
	else
		gw_node_key_make(key, device->index, op);
}

/* req is what the server would be asked. */
static bool query_supports_op(struct gw_remote_device *device, struct gw_remote_conn *conn,
	const struct ggml_tensor *op, const struct gw_wire_node_req *req)
{
	struct gw_node_key key;
	uint64_t known;
	bool supported;

	make_support_key(device, conn, op, &key);
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

bool gw_query_is_refused(
	const struct gw_remote_device *device, const struct gw_remote_conn *conn, const struct ggml_tensor *op)
{
	struct gw_node_key key;
	uint64_t supported;

	if (is_no_op(op->op) || device->index >= conn->n_devices)
		return false;
	make_support_key(device, conn, op, &key);
	return gw_reply_cache_find(&device->remote->supported, key.bytes, key.size, &supported) && !supported;
}
