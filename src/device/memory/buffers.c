#include "device/memory/buffers.h"

#include <stdlib.h>

#include "base/checked.h"

/* Above what small offsets and below what real addresses look like; the gap keeps the end of one buffer, which an empty
 * tensor may have as its address, apart from the next. */
#define VBASE_FIRST (UINT64_C(1) << 40)
#define VBASE_ALIGN 4096
#define VBASE_GAP 65536

void gw_buffers_init(struct gw_buffers *b, struct gw_budget *budget)
{
	*b = (struct gw_buffers){.next_handle = 1, .next_vbase = VBASE_FIRST, .budget = budget};
}

/* Host memory is given out before it is there, so its size is the bound. Other devices know theirs. */
static uint64_t device_bytes(ggml_backend_dev_t dev)
{
	size_t available = 0, total = 0;

	if (!ggml_backend_buft_is_host(ggml_backend_dev_buffer_type(dev)))
		return UINT64_MAX;
	ggml_backend_dev_memory(dev, &available, &total);
	return total ? total : UINT64_MAX;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t gw_buffers_left(const struct gw_buffers *b, ggml_backend_dev_t dev)
{
	if (!b->budget || b->budget->max == 0)
		return difference(device_bytes(dev), b->bytes);
	uint64_t reserve = gw_budget_reserve(b->budget->max), others = difference(b->budget->used, b->bytes);
	uint64_t left = difference(b->budget->max, b->bytes + (others > reserve ? others : reserve));
	return difference(left, gw_budget_others(b->budget));
}

static void buffer_free(struct gw_buffers *b, struct gw_buffer *buffer)
{
	gw_memory_free(&buffer->memory);
	gw_budget_give(b->budget, buffer->taken);
	free(buffer);
}

void gw_buffers_free(struct gw_buffers *b)
{
	size_t pos = 0;
	uint64_t handle;
	void *value;

	while (gw_map_next(&b->by_handle, &pos, &handle, &value))
		buffer_free(b, value);
	gw_map_free(&b->by_handle);
}

static bool align_up(uint64_t value, uint64_t align, uint64_t *out)
{
	uint64_t rest = value % align;
	return rest ? gw_add_u64(value, align - rest, out) : gw_add_u64(value, 0, out);
}

/* Takes [*vbase, *vbase + size) out of the virtual space. */
static bool vspace_take(struct gw_buffers *b, uint64_t align, uint64_t size, uint64_t *vbase)
{
	uint64_t base, end;

	if (align < VBASE_ALIGN)
		align *= VBASE_ALIGN / align + (VBASE_ALIGN % align != 0);
	if (!align_up(b->next_vbase, align, &base) || !gw_add_u64(base, size, &end) ||
		!gw_add_u64(end, VBASE_GAP, &end))
		return false;
	b->next_vbase = end;
	*vbase = base;
	return true;
}

static enum gw_status describe(struct gw_buffers *b, ggml_backend_dev_t dev, struct gw_buffer *buffer)
{
	ggml_backend_buffer_t real = buffer->memory.buffer;
	size_t align = ggml_backend_buft_get_alignment(ggml_backend_dev_buffer_type(dev));

	buffer->dev = dev;
	buffer->buffer = real;
	buffer->size = ggml_backend_buffer_get_size(real) - buffer->memory.spare;
	buffer->base = ggml_backend_buffer_get_base(real);
	buffer->is_host = ggml_backend_buffer_is_host(real);
	buffer->handle = b->next_handle;
	if (!vspace_take(b, align ? align : 1, buffer->size, &buffer->vbase))
		return GW_ERR_LIMIT;
	return GW_OK;
}

/* What a buffer takes: its memory, and what is noted about it. */
static bool take(struct gw_buffers *b, struct gw_buffer *buffer)
{
	uint64_t bytes = gw_memory_bytes(&buffer->memory) + sizeof(*buffer);

	if (!gw_budget_take(b->budget, bytes))
		return false;
	buffer->taken = bytes;
	return true;
}

enum gw_status gw_buffers_alloc(struct gw_buffers *b, ggml_backend_dev_t dev, uint64_t size, struct gw_buffer **out)
{
	/* Devices add alignment and padding to a size, unchecked. */
	if (size > PTRDIFF_MAX)
		return GW_ERR_NOMEM;
	if (b->by_handle.count >= GW_BUFFERS_MAX || size > gw_buffers_left(b, dev))
		return GW_ERR_LIMIT;
	struct gw_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return GW_ERR_NOMEM;
	enum gw_status st = gw_memory_alloc(ggml_backend_dev_buffer_type(dev), size, &buffer->memory);
	if (st == GW_OK && !take(b, buffer))
		st = GW_ERR_LIMIT;
	if (st == GW_OK)
		st = describe(b, dev, buffer);
	if (st == GW_OK)
		st = gw_map_put(&b->by_handle, buffer->handle, buffer);
	if (st != GW_OK) {
		buffer_free(b, buffer);
		return st;
	}
	b->next_handle++;
	b->bytes += buffer->size;
	*out = buffer;
	return GW_OK;
}

struct gw_buffer *gw_buffers_find(const struct gw_buffers *b, uint64_t handle)
{
	return gw_map_get(&b->by_handle, handle);
}

void gw_buffers_release(struct gw_buffers *b, struct gw_buffer *buffer)
{
	gw_map_del(&b->by_handle, buffer->handle);
	b->bytes -= buffer->size;
	buffer_free(b, buffer);
}
