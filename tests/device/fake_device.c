#include "device/fake_device.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml/layout.h"

/* Addresses start here, wherever the memory is, so that using one as a pointer faults. */
#define BASE ((uintptr_t)0x1000)
#define PADDING 64

/* A deferred operation. */
struct work {
	struct work *next;
	struct ggml_cgraph *graph; /* if not NULL, compute this graph; otherwise copy */
	uint8_t *dst;              /* for a copy */
	const uint8_t *src;
	size_t size;
};

/* Freed memory is reused without clearing, as on a real device. */
struct block {
	struct block *next;
	size_t size;
};

static struct fake fake;
static struct work *first, **last = &first;
static struct block *freed;
static struct ggml_backend_buffer_type buft;
static struct ggml_backend_device device;

static uint8_t *at(ggml_backend_buffer_t buffer, const struct ggml_tensor *t, size_t offset)
{
	return (uint8_t *)buffer->context + ((uintptr_t)t->data - BASE) + offset;
}

static void queue(struct work work)
{
	struct work *w = malloc(sizeof(*w));

	*w = work;
	w->next = NULL;
	*last = w;
	last = &w->next;
}

static void upload(uint8_t *dst, const void *src, size_t size)
{
	fake.n_uploads++;
	if (size > fake.max_upload)
		fake.max_upload = size;
	memcpy(dst, src, size);
}

static void compute(struct ggml_cgraph *graph)
{
	for (int n = 0; n < ggml_graph_n_nodes(graph); n++) {
		struct ggml_tensor *node = ggml_graph_node(graph, n);
		if (node->op != GGML_OP_SQR)
			continue;
		float *dst = (float *)(void *)at(node->buffer, node, 0);
		const float *src = (const float *)(void *)at(node->src[0]->buffer, node->src[0], 0);
		for (int64_t i = 0; i < node->ne[0]; i++)
			dst[i] = src[i] * src[i];
	}
}

static void synchronize(ggml_backend_t backend)
{
	(void)backend;
	if (first)
		fake.n_waits++;
	while (first) {
		struct work *w = first;
		first = w->next;
		if (w->graph)
			compute(w->graph);
		else
			upload(w->dst, w->src, w->size);
		free(w);
	}
	last = &first;
}

static uint8_t *memory_alloc(size_t size)
{
	for (struct block **b = &freed; *b; b = &(*b)->next) {
		struct block *found = *b;
		if (found->size != size)
			continue;
		*b = found->next;
		return (uint8_t *)(found + 1);
	}
	struct block *fresh = malloc(sizeof(*fresh) + size);
	if (!fresh)
		return NULL;
	fresh->size = size;
	memset(fresh + 1, 0xdd, size);
	return (uint8_t *)(fresh + 1);
}

static void memory_free(void *memory)
{
	struct block *b = (struct block *)memory - 1;

	b->next = freed;
	freed = b;
}

static void buffer_free(ggml_backend_buffer_t buffer)
{
	fake.n_buffers--;
	memory_free(buffer->context);
}

static void *buffer_base(ggml_backend_buffer_t buffer)
{
	(void)buffer;
	return (void *)BASE;
}

static enum ggml_status buffer_init_tensor(ggml_backend_buffer_t buffer, struct ggml_tensor *t)
{
	if (fake.keeps_extra)
		t->extra = &fake;
	if (ggml_is_quantized(t->type))
		memset(at(buffer, t, ggml_nbytes(t)), 0xcc, PADDING);
	return GGML_STATUS_SUCCESS;
}

static void buffer_set(
	ggml_backend_buffer_t buffer, struct ggml_tensor *t, const void *data, size_t offset, size_t size)
{
	upload(at(buffer, t, offset), data, size);
}

static void buffer_get(
	ggml_backend_buffer_t buffer, const struct ggml_tensor *t, void *data, size_t offset, size_t size)
{
	memcpy(data, at(buffer, t, offset), size);
}

static void buffer_set_2d(ggml_backend_buffer_t buffer, struct ggml_tensor *t, const void *data, size_t offset,
	size_t size, size_t n, size_t stride_tensor, size_t stride_data)
{
	for (size_t i = 0; i < n; i++)
		buffer_set(buffer, t, (const uint8_t *)data + i * stride_data, offset + i * stride_tensor, size);
}

static void buffer_get_2d(ggml_backend_buffer_t buffer, const struct ggml_tensor *t, void *data, size_t offset,
	size_t size, size_t n, size_t stride_tensor, size_t stride_data)
{
	for (size_t i = 0; i < n; i++)
		buffer_get(buffer, t, (uint8_t *)data + i * stride_data, offset + i * stride_tensor, size);
}

static bool buffer_copy(ggml_backend_buffer_t buffer, const struct ggml_tensor *src, struct ggml_tensor *dst)
{
	if (src->buffer->buft != &buft)
		return false;
	memmove(at(buffer, dst, 0), at(src->buffer, src, 0), ggml_nbytes(src));
	return true;
}

static void buffer_clear(ggml_backend_buffer_t buffer, uint8_t value)
{
	memset(buffer->context, value, buffer->size);
}

static ggml_backend_buffer_t buft_alloc(ggml_backend_buffer_type_t type, size_t size)
{
	struct ggml_backend_buffer_i iface = {.free_buffer = buffer_free,
		.get_base = buffer_base,
		.init_tensor = buffer_init_tensor,
		.set_tensor = buffer_set,
		.get_tensor = buffer_get,
		.set_tensor_2d = fake.plain_2d ? NULL : buffer_set_2d,
		.get_tensor_2d = fake.plain_2d ? NULL : buffer_get_2d,
		.cpy_tensor = buffer_copy,
		.clear = buffer_clear};
	void *memory = memory_alloc(size);

	if (!memory)
		return NULL;
	fake.n_buffers++;
	return ggml_backend_buffer_init(type, iface, memory, size);
}

static const char *buft_name(ggml_backend_buffer_type_t type)
{
	(void)type;
	return "FAKE";
}

static size_t buft_alignment(ggml_backend_buffer_type_t type)
{
	(void)type;
	return 8192;
}

static size_t buft_alloc_size(ggml_backend_buffer_type_t type, const struct ggml_tensor *t)
{
	(void)type;
	return ggml_nbytes(t) + (ggml_is_quantized(t->type) ? PADDING : 0);
}

static struct ggml_backend_buffer_type buft = {.iface = {.get_name = buft_name,
						       .alloc_buffer = buft_alloc,
						       .get_alignment = buft_alignment,
						       .get_alloc_size = buft_alloc_size},
	.device = &device};

static const char *backend_name(ggml_backend_t backend)
{
	(void)backend;
	return "FAKE";
}

static void backend_free(ggml_backend_t backend)
{
	fake.n_backends--;
	free(backend);
}

static void set_async(ggml_backend_t backend, struct ggml_tensor *t, const void *data, size_t offset, size_t size)
{
	(void)backend;
	queue((struct work){.dst = at(t->buffer, t, offset), .src = data, .size = size});
}

static void set_2d_async(ggml_backend_t backend, struct ggml_tensor *t, const void *data, size_t offset, size_t size,
	size_t n, size_t stride_tensor, size_t stride_data)
{
	for (size_t i = 0; i < n; i++)
		set_async(backend, t, (const uint8_t *)data + i * stride_data, offset + i * stride_tensor, size);
}

static void wait_while_held(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < 5 || (atomic_load(&fake.held) && i < 10000); i++)
		nanosleep(&ms, NULL);
	atomic_store(&fake.overdue, atomic_load(&fake.held));
}

static enum ggml_status graph_compute(ggml_backend_t backend, struct ggml_cgraph *graph)
{
	(void)backend;
	if (fake.occupies)
		wait_while_held();
	if (fake.fails)
		return GGML_STATUS_FAILED;
	if (fake.occupies) {
		compute(graph);
		return GGML_STATUS_SUCCESS;
	}
	queue((struct work){.graph = graph});
	return GGML_STATUS_SUCCESS;
}

static ggml_backend_t device_init(ggml_backend_dev_t dev, const char *params)
{
	static uint8_t guid[16] = {1};
	ggml_backend_t backend = fake.no_backend ? NULL : calloc(1, sizeof(*backend));

	(void)params;
	if (!backend)
		return NULL;
	backend->guid = &guid;
	backend->device = dev;
	backend->iface = (struct ggml_backend_i){.get_name = backend_name,
		.free = backend_free,
		.set_tensor_async = set_async,
		.set_tensor_2d_async = set_2d_async,
		.synchronize = synchronize,
		.graph_compute = graph_compute};
	fake.n_backends++;
	return backend;
}

static const char *device_name(ggml_backend_dev_t dev)
{
	(void)dev;
	return "FAKE0";
}

static void device_memory(ggml_backend_dev_t dev, size_t *available, size_t *total)
{
	(void)dev;
	*available = *total = (size_t)1 << 30;
}

static enum ggml_backend_dev_type device_type(ggml_backend_dev_t dev)
{
	(void)dev;
	return GGML_BACKEND_DEVICE_TYPE_GPU;
}

static void device_props(ggml_backend_dev_t dev, struct ggml_backend_dev_props *props)
{
	props->name = props->description = device_name(dev);
	props->caps.async = fake.async;
}

static ggml_backend_buffer_type_t device_buft(ggml_backend_dev_t dev)
{
	(void)dev;
	return &buft;
}

static bool supports_op(ggml_backend_dev_t dev, const struct ggml_tensor *op)
{
	(void)dev;
	return op->op == GGML_OP_SQR;
}

static struct ggml_backend_device device = {
	.iface = {.get_name = device_name,
		.get_description = device_name,
		.get_memory = device_memory,
		.get_type = device_type,
		.get_props = device_props,
		.init_backend = device_init,
		.get_buffer_type = device_buft,
		.supports_op = supports_op},
};

ggml_backend_dev_t fake_device(struct fake **state)
{
	memset(&fake, 0, sizeof(fake));
	*state = &fake;
	return &device;
}
