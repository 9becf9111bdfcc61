#include "device/session/staging.h"

void gw_staging_free(struct gw_staging *st)
{
	for (int i = 0; i < 2; i++) {
		gw_memory_free(&st->memory[i]);
		st->chunk[i] = NULL;
	}
	st->uploading = NULL;
}

/* Memory that the device reads without a copy in between, where it offers some; otherwise any. */
static enum gw_status chunk_alloc(struct gw_device *device, struct gw_memory *out)
{
	ggml_backend_buffer_type_t pinned = ggml_backend_dev_host_buffer_type(device->dev);

	if (pinned && ggml_backend_buft_is_host(pinned) && gw_memory_alloc(pinned, GW_STAGING_CHUNK, out) == GW_OK)
		return GW_OK;
	return gw_memory_alloc(ggml_backend_cpu_buffer_type(), GW_STAGING_CHUNK, out);
}

uint8_t *gw_staging_chunk(struct gw_staging *st, struct gw_device *device)
{
	unsigned i = st->current;

	if (!st->chunk[i] && chunk_alloc(device, &st->memory[i]) == GW_OK)
		st->chunk[i] = ggml_backend_buffer_get_base(st->memory[i].buffer);
	return st->chunk[i];
}

static void upload_now(
	struct ggml_tensor *tensor, const uint8_t *data, uint64_t offset, uint64_t size, uint64_t n, uint64_t stride)
{
	if (n == 1)
		ggml_backend_tensor_set(tensor, data, offset, size);
	else
		ggml_backend_tensor_set_2d(tensor, data, offset, size, n, stride, size);
}

static void upload_async(struct gw_device *device, struct ggml_tensor *tensor, const uint8_t *data, uint64_t offset,
	uint64_t size, uint64_t n, uint64_t stride)
{
	if (n == 1)
		ggml_backend_tensor_set_async(device->backend, tensor, data, offset, size);
	else
		ggml_backend_tensor_set_2d_async(device->backend, tensor, data, offset, size, n, stride, size);
	device->pending = true;
}

void gw_staging_upload(struct gw_staging *st, struct gw_device *device, struct ggml_tensor *tensor, uint64_t offset,
	uint64_t size, uint64_t n, uint64_t stride)
{
	const uint8_t *data = st->chunk[st->current];

	if (!gw_device_uploads_async(device)) {
		upload_now(tensor, data, offset, size, n, stride);
		return;
	}
	/* The chunk filled next is the one whose upload is awaited here. */
	if (st->uploading)
		gw_device_synchronize(st->uploading);
	upload_async(device, tensor, data, offset, size, n, stride);
	st->uploading = device;
	st->current ^= 1;
}
