#include "backend/buffer.h"

#include <stdlib.h>

#include "backend/device.h"
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

static enum gw_status ask_alloc(struct gw_link *link, const struct gw_wire_alloc_req *req, struct gw_ext_alloc_rsp *out)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[16];
	struct iovec part = {request, gw_wire_alloc_req_encode(req, request)};
	struct gw_wire_alloc_rsp rsp;

	enum gw_status status = gw_client_call(link->client, GW_CMD_ALLOC_BUFFER, &part, 1, reply, sizeof(reply));
	if (status != GW_OK)
		return status;
	if (!gw_wire_alloc_rsp_decode(reply, sizeof(reply), &rsp))
		return GW_ERR_PROTOCOL;
	*out = (struct gw_ext_alloc_rsp){.buffer = rsp.buffer, .size = rsp.size};
	return GW_OK;
}

static enum gw_status ask_base(struct gw_link *link, struct gw_ext_alloc_rsp *buffer)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[8];
	struct iovec part = {request, gw_wire_buffer_req_encode(buffer->buffer, request)};

	enum gw_status status = gw_client_call(link->client, GW_CMD_BUFFER_GET_BASE, &part, 1, reply, sizeof(reply));
	if (status != GW_OK)
		return status;
	return gw_wire_u64_rsp_decode(reply, sizeof(reply), &buffer->base) ? GW_OK : GW_ERR_PROTOCOL;
}

/* Both at once. */
static enum gw_status ask_alloc_and_base(
	struct gw_link *link, const struct gw_wire_alloc_req *req, struct gw_ext_alloc_rsp *out)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[GW_EXT_ALLOC_RSP];
	struct iovec part = {request, gw_wire_alloc_req_encode(req, request)};

	enum gw_status status = gw_client_call(link->client, GW_CMD_EXT_ALLOC, &part, 1, reply, sizeof(reply));
	if (status == GW_OK)
		gw_ext_alloc_rsp_decode(reply, out);
	return status;
}

/* ggml computes addresses from the base and asserts on what it finds. */
static enum gw_status check_place(
	const struct gw_ext_alloc_rsp *buffer, size_t size, size_t alignment, struct gw_error *err)
{
	if (buffer->size < size)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "the server gave %llu bytes only", (unsigned long long)buffer->size);
	if (buffer->base == 0 || buffer->base % alignment != 0 || buffer->base > UINT64_MAX - size)
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"the server gave the address 0x%llx, with an alignment of %zu",
			(unsigned long long)buffer->base, alignment);
	return GW_OK;
}

static enum gw_status ask(struct gw_link *link, uint32_t device, size_t size, struct gw_ext_alloc_rsp *out)
{
	const struct gw_wire_alloc_req req = {.device = device, .size = size};

	if (link->allocates)
		return ask_alloc_and_base(link, &req, out);
	enum gw_status status = ask_alloc(link, &req, out);
	return status == GW_OK && out->buffer ? ask_base(link, out) : status;
}

static void give_back(struct gw_link *link, uint64_t handle)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct iovec part = {request, gw_wire_buffer_req_encode(handle, request)};

	gw_client_post(link->client, GW_CMD_FREE_BUFFER, &part, 1);
}

static enum gw_status allocate(const struct gw_remote_device *device, struct gw_link *link, size_t size,
	struct gw_ext_alloc_rsp *out, struct gw_error *err)
{
	if (device->index >= link->n_devices)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "the server has no such device any more");
	enum gw_status status = ask(link, device->index, size, out);
	if (status == GW_OK && !out->buffer)
		status = GW_ERR_NOMEM;
	if (status != GW_OK)
		return gw_error_set(err, status, "%s", gw_status_text(status));
	status = check_place(out, size, gw_remote_device_alignment(device, link), err);
	if (status != GW_OK)
		give_back(link, out->buffer);
	return status;
}

static struct gw_buffer *new_context(const struct gw_remote_device *device, struct gw_link *link, size_t size)
{
	struct gw_ext_alloc_rsp given = {0};
	struct gw_error err = {0};
	struct gw_buffer *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	if (allocate(device, link, size, &given, &err) != GW_OK) {
		gw_log_error("RPC: %s: allocating %zu bytes failed: %s", device->place, size, err.text);
		free(b);
		return NULL;
	}
	b->link = link;
	b->device = device->index;
	b->handle = given.buffer;
	b->base = given.base;
	b->size = size;
	return b;
}

ggml_backend_buffer_t gw_buffer_new(const struct gw_remote_device *device, ggml_backend_buffer_type_t buft, size_t size)
{
	struct gw_link *link;

	if (gw_remote_connect(device->remote, &link) != GW_OK)
		return NULL;
	struct gw_buffer *b = new_context(device, link, size);
	if (!b) {
		gw_link_put(link);
		return NULL;
	}
	gw_link_use(link);
	gw_link_add_buffer(link, b);
	return ggml_backend_buffer_init(buft, buffer_iface, b, size);
}
