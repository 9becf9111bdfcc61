#include "backend/buffer.h"

#include <stdlib.h>

#include "backend/transfer.h"
#include "base/log.h"

static struct gw_buffer *context_of(ggml_backend_buffer_t buffer)
{
	return buffer->context;
}

static void buffer_free(ggml_backend_buffer_t buffer)
{
	struct gw_buffer *b = context_of(buffer);

	gw_link_drop_buffer(b->link, b);
	gw_client_flush(b->link->client);
	gw_link_put(b->link);
	free(b);
}

static void *buffer_base(ggml_backend_buffer_t buffer)
{
	/* The server's address, which nothing here follows. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)(uintptr_t)context_of(buffer)->base;
}

static enum ggml_status buffer_init_tensor(ggml_backend_buffer_t buffer, struct ggml_tensor *tensor)
{
	return gw_transfer_init(context_of(buffer), tensor) == GW_OK ? GGML_STATUS_SUCCESS : GGML_STATUS_FAILED;
}

static void buffer_memset(
	ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, uint8_t value, size_t offset, size_t size)
{
	gw_transfer_fill(context_of(buffer), tensor, value, offset, size);
}

static void buffer_set(
	ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size)
{
	struct gw_rows rows = {offset, size, 1, size};
	gw_transfer_set(
		context_of(buffer), tensor, data, &rows, size, buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
}

static void buffer_get(
	ggml_backend_buffer_t buffer, const struct ggml_tensor *tensor, void *data, size_t offset, size_t size)
{
	struct gw_rows rows = {offset, size, 1, size};
	gw_transfer_get(context_of(buffer), tensor, data, &rows, size, true);
}

static void buffer_set_2d(ggml_backend_buffer_t buffer, struct ggml_tensor *tensor, const void *data, size_t offset,
	size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data)
{
	struct gw_rows rows = {offset, size, n_copies, stride_tensor};
	gw_transfer_set(context_of(buffer), tensor, data, &rows, stride_data,
		buffer->usage == GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
}

static void buffer_get_2d(ggml_backend_buffer_t buffer, const struct ggml_tensor *tensor, void *data, size_t offset,
	size_t size, size_t n_copies, size_t stride_tensor, size_t stride_data)
{
	struct gw_rows rows = {offset, size, n_copies, stride_tensor};
	gw_transfer_get(context_of(buffer), tensor, data, &rows, stride_data, true);
}

static bool buffer_copy(ggml_backend_buffer_t buffer, const struct ggml_tensor *src, struct ggml_tensor *dst)
{
	(void)buffer;
	return gw_transfer_copy(src, dst);
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value)
{
	const struct gw_buffer *b = context_of(buffer);
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_clear_req req = {.buffer = b->handle, .value = value};
	struct iovec part = {request, gw_wire_clear_req_encode(&req, request)};

	gw_client_post(b->link->client, GW_CMD_BUFFER_CLEAR, &part, 1);
}

static const struct ggml_backend_buffer_i buffer_iface = {
	.free_buffer = buffer_free,
	.get_base = buffer_base,
	.init_tensor = buffer_init_tensor,
	.memset_tensor = buffer_memset,
	.set_tensor = buffer_set,
	.get_tensor = buffer_get,
	.set_tensor_2d = buffer_set_2d,
	.get_tensor_2d = buffer_get_2d,
	.cpy_tensor = buffer_copy,
	.clear = buffer_clear,
};

struct gw_buffer *gw_buffer_from(ggml_backend_buffer_t buffer)
{
	return buffer && buffer->iface.free_buffer == buffer_free ? context_of(buffer) : NULL;
}

struct gw_buffer *gw_buffer_of(const struct ggml_tensor *tensor)
{
	return gw_buffer_from(tensor->view_src ? tensor->view_src->buffer : tensor->buffer);
}

static enum gw_status ask_alloc(struct gw_buffer *b, size_t size)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[16];
	struct gw_wire_alloc_req req = {.device = b->device, .size = size};
	struct iovec part = {request, gw_wire_alloc_req_encode(&req, request)};
	struct gw_wire_alloc_rsp rsp;

	enum gw_status status = gw_client_call(b->link->client, GW_CMD_ALLOC_BUFFER, &part, 1, reply, sizeof(reply));
	if (status != GW_OK)
		return status;
	if (!gw_wire_alloc_rsp_decode(reply, sizeof(reply), &rsp))
		return GW_ERR_PROTOCOL;
	if (rsp.buffer == 0)
		return GW_ERR_NOMEM;
	b->handle = rsp.buffer;
	b->size = rsp.size;
	return GW_OK;
}

static enum gw_status ask_base(struct gw_buffer *b)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[8];
	struct iovec part = {request, gw_wire_buffer_req_encode(b->handle, request)};

	enum gw_status status = gw_client_call(b->link->client, GW_CMD_BUFFER_GET_BASE, &part, 1, reply, sizeof(reply));
	if (status != GW_OK)
		return status;
	return gw_wire_u64_rsp_decode(reply, sizeof(reply), &b->base) ? GW_OK : GW_ERR_PROTOCOL;
}

/* Both at once. */
static enum gw_status ask_alloc_and_base(struct gw_buffer *b, size_t size)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[GW_EXT_ALLOC_RSP];
	struct gw_wire_alloc_req req = {.device = b->device, .size = size};
	struct iovec part = {request, gw_wire_alloc_req_encode(&req, request)};
	struct gw_ext_alloc_rsp rsp;

	enum gw_status status = gw_client_call(b->link->client, GW_CMD_EXT_ALLOC, &part, 1, reply, sizeof(reply));
	if (status != GW_OK)
		return status;
	gw_ext_alloc_rsp_decode(reply, &rsp);
	if (rsp.buffer == 0)
		return GW_ERR_NOMEM;
	b->handle = rsp.buffer;
	b->size = rsp.size;
	b->base = rsp.base;
	return GW_OK;
}

/* ggml computes addresses from the base and asserts on what it finds. */
static bool place_ok(const struct gw_buffer *b, size_t size)
{
	size_t alignment = gw_link_alignment(b->link, b->device);

	return b->size >= size && b->base != 0 && b->base % alignment == 0 && b->base <= UINT64_MAX - b->size;
}

static void give_up(struct gw_buffer *b)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct iovec part = {request, gw_wire_buffer_req_encode(b->handle, request)};

	gw_client_post(b->link->client, GW_CMD_FREE_BUFFER, &part, 1);
}

static enum gw_status allocate(struct gw_buffer *b, size_t size)
{
	if (b->device >= b->link->n_devices)
		return GW_ERR_NOT_FOUND;
	enum gw_status status = b->link->allocates ? ask_alloc_and_base(b, size) : ask_alloc(b, size);
	if (status != GW_OK)
		return status;
	if (!b->link->allocates)
		status = ask_base(b);
	if (status == GW_OK && !place_ok(b, size))
		status = GW_ERR_PROTOCOL;
	if (status != GW_OK)
		give_up(b);
	return status;
}

static struct gw_buffer *new_context(struct gw_link *link, uint32_t device, size_t size)
{
	struct gw_buffer *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->link = link;
	b->device = device;
	enum gw_status status = allocate(b, size);
	if (status != GW_OK) {
		gw_log_error("RPC: %s: device %u: allocating %zu bytes failed: %s", gw_client_name(link->client),
			(unsigned)device, size, gw_status_text(status));
		free(b);
		return NULL;
	}
	return b;
}

ggml_backend_buffer_t gw_buffer_new(
	struct gw_remote *remote, uint32_t device, ggml_backend_buffer_type_t buft, size_t size)
{
	struct gw_link *link;

	if (gw_remote_connect(remote, &link) != GW_OK)
		return NULL;
	struct gw_buffer *b = new_context(link, device, size);
	if (!b) {
		gw_link_put(link);
		return NULL;
	}
	gw_link_use(link);
	gw_link_add_buffer(link, b);
	return ggml_backend_buffer_init(buft, buffer_iface, b, b->size);
}
