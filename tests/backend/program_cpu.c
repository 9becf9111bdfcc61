#include <stdlib.h>

#include "backend/program.h"
#include "ggml/layout.h"

static const char *name(ggml_backend_t backend)
{
	(void)backend;
	return "IDLE";
}

static void backend_free(ggml_backend_t backend)
{
	free(backend);
}

static enum ggml_status compute(ggml_backend_t backend, struct ggml_cgraph *graph)
{
	(void)backend;
	(void)graph;
	return GGML_STATUS_SUCCESS;
}

static ggml_backend_t init(ggml_backend_dev_t dev, const char *params)
{
	static uint8_t guid[16] = {3};
	ggml_backend_t backend = calloc(1, sizeof(*backend));

	(void)params;
	if (!backend)
		abort();
	backend->guid = &guid;
	backend->device = dev;
	backend->iface = (struct ggml_backend_i){.get_name = name, .free = backend_free, .graph_compute = compute};
	return backend;
}

static const char *device_name(ggml_backend_dev_t dev)
{
	(void)dev;
	return "IDLE";
}

static void device_memory(ggml_backend_dev_t dev, size_t *available, size_t *total)
{
	(void)dev;
	*available = *total = (size_t)1 << 30;
}

static enum ggml_backend_dev_type device_type(ggml_backend_dev_t dev)
{
	(void)dev;
	return GGML_BACKEND_DEVICE_TYPE_CPU;
}

static void device_props(ggml_backend_dev_t dev, struct ggml_backend_dev_props *props)
{
	props->name = props->description = device_name(dev);
}

static ggml_backend_buffer_type_t device_buft(ggml_backend_dev_t dev)
{
	(void)dev;
	return ggml_backend_cpu_buffer_type();
}

static bool supports_op(ggml_backend_dev_t dev, const struct ggml_tensor *op)
{
	(void)dev;
	(void)op;
	return true;
}

static bool supports_buft(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft)
{
	(void)dev;
	return ggml_backend_buft_is_host(buft);
}

static struct ggml_backend_device device = {
	.iface = {.get_name = device_name,
		.get_description = device_name,
		.get_memory = device_memory,
		.get_type = device_type,
		.get_props = device_props,
		.init_backend = init,
		.get_buffer_type = device_buft,
		.supports_op = supports_op,
		.supports_buft = supports_buft},
};

ggml_backend_dev_t program_cpu(void)
{
	return &device;
}
