#include "backend/buffer_iface.h"

#include "backend/copy.h"
#include "backend/transfer.h"
#include "base/log.h"

static struct gw_buffer *context_of(ggml_backend_buffer_t buffer)
{
	return buffer->context;
}

static void *buffer_base(ggml_backend_buffer_t buffer)
{
	/* The server's address, which nothing here follows. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)(uintptr_t)context_of(buffer)->remote.base;
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
	return gw_copy_on_server(src, dst);
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value)
{
	const struct gw_buffer *b = context_of(buffer);

	(void)gw_client_clear_buffer(b->conn->client, b->remote.handle, value, NULL);
}

static const struct ggml_backend_buffer_i buffer_iface = {
	.free_buffer = gw_buffer_free,
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

ggml_backend_buffer_t gw_buffer_new(
	struct gw_remote *remote, uint32_t device, ggml_backend_buffer_type_t buft, size_t size)
{
	struct gw_error err;
	struct gw_buffer *b = gw_buffer_allocate(remote, device, size, &err);

	if (b)
		return ggml_backend_buffer_init(buft, buffer_iface, b, b->size);
	/* A failed attempt to connect is in the log already. */
	if (err.status != GW_OK)
		gw_log_error("RPC: device %u: cannot allocate %zu bytes: %s", (unsigned)device, size, err.text);
	return NULL;
}
