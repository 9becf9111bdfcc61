#include "device/memory/memory.h"

#include <stdatomic.h>

/* Plain host memory has that much after its end (host_memory.h). */
#define SPARE 4096

/* Of the buffers that alloc_host makes: ggml has one for all of them, and no function that returns it. */
static _Atomic(ggml_backend_buffer_type_t) mapped;

static enum gw_status alloc_host(size_t size, struct gw_memory *out)
{
	enum gw_status st = gw_host_memory_map(size, &out->host);

	if (st != GW_OK)
		return st;
	out->buffer = ggml_backend_cpu_buffer_from_ptr(out->host.data, size);
	if (out->buffer) {
		atomic_store(&mapped, ggml_backend_buffer_get_type(out->buffer));
		return GW_OK;
	}
	gw_host_memory_unmap(&out->host);
	return GW_ERR_NOMEM;
}

/* How many bytes more than size to allocate: none where that would be more than the device gives at once. */
static size_t spare_for(ggml_backend_buffer_type_t buft, size_t size)
{
	size_t max = ggml_backend_buft_get_max_size(buft);

	return size > 0 && size <= max && max - size >= SPARE ? SPARE : 0;
}

static enum gw_status alloc_device(ggml_backend_buffer_type_t buft, size_t size, struct gw_memory *out)
{
	out->spare = spare_for(buft, size);
	out->buffer = ggml_backend_buft_alloc_buffer(buft, size + out->spare);
	if (!out->buffer)
		return GW_ERR_NOMEM;
	ggml_backend_buffer_clear(out->buffer, 0);
	return GW_OK;
}

enum gw_status gw_memory_alloc(ggml_backend_buffer_type_t buft, size_t size, struct gw_memory *out)
{
	struct gw_memory m = {0};
	bool is_plain = buft == ggml_backend_cpu_buffer_type() && size > 0;
	enum gw_status st = is_plain ? alloc_host(size, &m) : alloc_device(buft, size, &m);

	if (st == GW_OK)
		*out = m;
	return st;
}

size_t gw_memory_readable(ggml_backend_buffer_t buffer)
{
	size_t size = ggml_backend_buffer_get_size(buffer);

	return ggml_backend_buffer_get_type(buffer) == atomic_load(&mapped) ? size + SPARE : size;
}

void gw_memory_free(struct gw_memory *m)
{
	if (m->buffer)
		ggml_backend_buffer_free(m->buffer);
	gw_host_memory_unmap(&m->host);
	m->buffer = NULL;
}

uint64_t gw_memory_bytes(const struct gw_memory *m)
{
	return m->host.data ? m->host.n_bytes : ggml_backend_buffer_get_size(m->buffer);
}
