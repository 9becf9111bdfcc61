#include "device/memory/staging.h"

#include <stdlib.h>

static void chunk_free(struct gw_staging *st, unsigned i)
{
	if (st->pinned[i])
		ggml_backend_buffer_free(st->pinned[i]);
	else
		free(st->chunk[i]);
	st->pinned[i] = NULL;
	st->chunk[i] = NULL;
}

void gw_staging_free(struct gw_staging *st)
{
	chunk_free(st, 0);
	chunk_free(st, 1);
	st->uploading = NULL;
}

/* Memory that the device reads without a copy in between, where it offers some. */
static bool chunk_alloc_pinned(struct gw_staging *st, unsigned i, struct gw_device *device)
{
	ggml_backend_buffer_type_t buft = ggml_backend_dev_host_buffer_type(device->dev);
	if (!buft || !ggml_backend_buft_is_host(buft))
		return false;
	ggml_backend_buffer_t pinned = ggml_backend_buft_alloc_buffer(buft, GW_STAGING_CHUNK);
	if (!pinned)
		return false;
	st->pinned[i] = pinned;
	st->chunk[i] = ggml_backend_buffer_get_base(pinned);
	return true;
}

uint8_t *gw_staging_chunk(struct gw_staging *st, struct gw_device *device)
{
	unsigned i = st->current;

	if (!st->chunk[i] && !chunk_alloc_pinned(st, i, device))
		st->chunk[i] = malloc(GW_STAGING_CHUNK);
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
