/* Questions about tensors and operations that need not exist yet, and about this server. */
#include <stdlib.h>
#include <string.h>

#include "base/xxh3.h"
#include "device/commands/commands.h"
#include "device/graph/alloc_size.h"
#include "device/graph/bounds.h"
#include "device/graph/graph_rules.h"
#include "device/graph/tensor.h"
#include "device/rules/op_judge.h"
#include "ggml/abi.h"
#include "version.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

/* A tensor and the sources it is asked about with. */
struct node {
	struct ggml_tensor tensor;
	struct ggml_tensor src[GW_WIRE_SRC];
	struct ggml_tensor spare;
};

/* The shape, and the memory if it has some here. Asked before allocation, so an address may be anything. */
static enum gw_status describe(
	struct gw_session *s, const struct gw_wire_tensor *t, struct ggml_tensor *out, struct gw_error *err)
{
	uint64_t nbytes;
	enum gw_status st = gw_tensor_shape(s->opmap, t, out, &nbytes, err);

	if (st != GW_OK)
		return st;
	const struct gw_buffer *buffer = gw_buffers_find(&s->buffers, t->buffer);
	if (buffer && gw_tensor_place(t, nbytes, buffer, true, out, NULL) != GW_OK)
		out->data = NULL;
	return GW_OK;
}

static enum gw_status describe_node(
	struct gw_session *s, const struct gw_wire_node_req *req, struct node *node, struct gw_error *err)
{
	enum gw_status st = describe(s, &req->tensor, &node->tensor, err);

	for (int i = 0; st == GW_OK && i < GW_WIRE_SRC; i++) {
		if (req->src[i].id == 0)
			continue;
		st = describe(s, &req->src[i], &node->src[i], err);
		node->tensor.src[i] = &node->src[i];
	}
	return st;
}

/* The node as the running ggml says it; false if that cannot say it. */
static bool localize(struct gw_session *s, const struct gw_wire_node_req *req, struct node *node)
{
	return gw_opmap_op_local(s->opmap, req->tensor.op) != GW_NO_NUMBER &&
	       gw_opmap_node_to_local(s->opmap, &node->tensor, &node->spare, NULL) == GW_OK;
}

enum gw_status gw_do_get_alloc_size(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_node_req req;
	struct node node;

	if (!gw_wire_node_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, req.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	enum gw_status st = describe_node(s, &req, &node, err);
	if (st != GW_OK)
		return st;
	if (!localize(s, &req, &node))
		node.tensor.op = GGML_OP_NONE;
	const struct gw_buffer *buffer = gw_buffers_find(&s->buffers, req.tensor.buffer);
	size_t n = gw_wire_u64_rsp_encode(
		gw_alloc_size(gw_device_buft(buffer ? buffer->device : device), &node.tensor), out);
	return gw_connection_reply(s->peer, out, n, err);
}

/* Anything that would be refused in a graph is not supported. */
static bool supports(struct gw_session *s, const struct gw_device *device, const struct gw_wire_node_req *req)
{
	struct node node;
	uint32_t op = gw_opmap_op_local(s->opmap, req->tensor.op);

	if (op == GW_NO_NUMBER || gw_rules_op_is_custom((enum ggml_op)op) ||
		describe_node(s, req, &node, NULL) != GW_OK || !localize(s, req, &node))
		return false;
	if (!gw_op_executes((enum ggml_op)op))
		return true;
	return gw_op_rules_judge(&node.tensor, NULL) == GW_OK &&
	       ggml_backend_dev_supports_op(device->dev, &node.tensor);
}

enum gw_status gw_do_ext_supports_op(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_node_req req;

	if (!gw_wire_node_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, req.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	size_t n = gw_wire_bool_rsp_encode(supports(s, device, &req), out);
	return gw_connection_reply(s->peer, out, n, err);
}

/* Found by looking at a buffer, which is cheap in host memory only. */
static bool needs_no_init(ggml_backend_buffer_type_t buft)
{
	struct gw_memory memory;

	if (gw_memory_alloc(buft, 1, &memory) != GW_OK)
		return false;
	bool no_init = gw_abi_buffer_no_init(memory.buffer);
	gw_memory_free(&memory);
	return no_init;
}

static uint32_t device_flags(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft)
{
	/* ggml's CPU device looks at types, at layouts, and at extents that have to be equal. That nothing else counts
	 * for any case of test-backend-ops is shown by tests/interop/supports.sh. */
	uint32_t flags = gw_cpu_is(dev) ? GW_EXT_DEVICE_SHAPES : 0;

	if (gw_abi_buft_plain_alloc(buft))
		flags |= GW_EXT_DEVICE_PLAIN_ALLOC;
	if (!ggml_backend_buft_is_host(buft))
		return flags;
	flags |= GW_EXT_DEVICE_HOST_MEMORY;
	if (needs_no_init(buft))
		flags |= GW_EXT_DEVICE_NO_INIT;
	return flags;
}

static void copy_text(char out[GW_EXT_TEXT], const char *text)
{
	size_t n = text ? strnlen(text, GW_EXT_TEXT - 1) : 0;

	if (n > 0)
		memcpy(out, text, n);
	out[n] = '\0';
}

static void describe_device(const struct gw_device *device, struct gw_ext_device *out)
{
	ggml_backend_buffer_type_t buft = gw_device_buft(device);

	out->flags = device_flags(device->dev, buft);
	out->alignment = ggml_backend_buft_get_alignment(buft);
	out->max_size = ggml_backend_buft_get_max_size(buft);
	copy_text(out->name, ggml_backend_dev_name(device->dev));
	copy_text(out->description, ggml_backend_dev_description(device->dev));
}

static enum gw_status encode_info(struct gw_session *s, struct gw_buf *out)
{
	size_t n = s->server->n_devices;
	struct gw_ext_info info = {.level = GW_EXT_LEVEL,
		.flags = GW_EXT_SERVER_ALLOC | GW_EXT_SERVER_STREAM,
		.version = GGWIRE_VERSION,
		.n_devices = (uint32_t)n,
		.refusal = s->refused};

	if (s->server->pair && s->server->await_link)
		info.flags |= gw_connection_identity(s->peer)[0] ? GW_EXT_SERVER_TLS_LINKS : GW_EXT_SERVER_LINKS;
	if (s->refused.reason)
		info.flags |= GW_EXT_SERVER_FULL;
	if (s->server->watch.status)
		info.flags |= GW_EXT_SERVER_STATUS;
	if (s->cache || s->server->models)
		info.flags |= GW_EXT_SERVER_CACHES | (gw_xxh3_available() ? GW_EXT_SERVER_XXH3 : 0);
	info.devices = calloc(n, sizeof(*info.devices));
	if (!info.devices)
		return GW_ERR_NOMEM;
	for (size_t i = 0; i < n; i++)
		describe_device(&s->devices[i], &info.devices[i]);
	enum gw_status st = gw_ext_info_encode(&info, out);
	free(info.devices);
	return st;
}

/* Until it does more than look. */
static void note_tool(struct gw_session *s)
{
	gw_counters_set(&s->counters->tool, !s->tainted);
}

enum gw_status gw_do_ext_info(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_buf out = {0};

	(void)size;
	if (gw_le32(body) & GW_EXT_ASKER_TOOL)
		note_tool(s);
	enum gw_status st = encode_info(s, &out);
	if (st != GW_OK)
		gw_error_set(err, st, "the devices cannot be described");
	else
		st = gw_connection_reply(s->peer, out.data, out.len, err);
	gw_buf_free(&out);
	return st;
}

enum gw_status gw_do_ext_status(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	const struct gw_server_watch *watch = &s->server->watch;
	struct gw_buf out = {0};

	(void)body;
	(void)size;
	if (!watch->status)
		return gw_error_set(err, GW_ERR_PROTOCOL, "this server has no status");
	note_tool(s);
	enum gw_status st = watch->status(watch->user, &out);
	if (st != GW_OK)
		gw_error_set(err, st, "the status cannot be told");
	else
		st = gw_connection_reply(s->peer, out.data, out.len, err);
	gw_buf_free(&out);
	return st;
}

enum gw_status gw_do_ext_alive(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint32_t ms;

	if (!gw_ext_alive_decode(body, size, &ms))
		return gw_refuse_body(size, err);
	return gw_connection_keep_alive(s->peer, ms, err);
}
