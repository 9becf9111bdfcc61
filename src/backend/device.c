#include "backend/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/buft.h"
#include "backend/event.h"
#include "backend/query.h"
#include "base/log.h"

/* Bytes: a thousand times a tebibyte, more than any device has. */
#define MAX_MEMORY (UINT64_C(1) << 50)

static struct gw_remote_device *context_of(ggml_backend_dev_t dev)
{
	return dev->context;
}

static const char *device_name(ggml_backend_dev_t dev)
{
	return context_of(dev)->name;
}

static const char *device_description(ggml_backend_dev_t dev)
{
	return context_of(dev)->description;
}

/* Programs add and subtract the memory of their devices: impossible numbers must not overflow there. */
static void bound_memory(struct gw_remote_device *device, struct gw_wire_memory_rsp *rsp)
{
	const struct gw_wire_memory_rsp said = *rsp;

	if (rsp->total > MAX_MEMORY)
		rsp->total = MAX_MEMORY;
	if (rsp->free > rsp->total)
		rsp->free = rsp->total;
	if (rsp->free == said.free && rsp->total == said.total)
		return;
	if (!atomic_exchange(&device->remote->memory_doubt, true))
		gw_log_warn(
			"RPC: %s: the server announces %llu of %llu bytes of memory free, which is impossible; using "
			"%llu of %llu",
			device->place, (unsigned long long)said.free, (unsigned long long)said.total,
			(unsigned long long)rsp->free, (unsigned long long)rsp->total);
}

/* A program that has lost a server asks this before it tries again, so this makes a new connection, too. */
static void device_memory(ggml_backend_dev_t dev, size_t *free_bytes, size_t *total)
{
	struct gw_remote_device *device = context_of(dev);
	struct gw_wire_memory_rsp rsp = {0};
	struct gw_remote_conn *conn;

	if (gw_remote_connect(device->remote, &conn) == GW_OK) {
		if (device->index < conn->n_devices)
			(void)gw_client_device_memory(conn->client, device->index, &rsp, NULL);
		gw_remote_put(conn);
	}
	bound_memory(device, &rsp);
	*free_bytes = (size_t)rsp.free;
	*total = (size_t)rsp.total;
}

/* Always a GPU, whatever it is on the server, so that programs offload to it. */
static enum ggml_backend_dev_type device_type(ggml_backend_dev_t dev)
{
	(void)dev;
	return GGML_BACKEND_DEVICE_TYPE_GPU;
}

static void device_props(ggml_backend_dev_t dev, struct ggml_backend_dev_props *props)
{
	props->name = device_name(dev);
	props->description = device_description(dev);
	props->type = device_type(dev);
	device_memory(dev, &props->memory_free, &props->memory_total);
	const struct gw_ggml_dev_caps caps = {.async = true, .events = true, .mmap_support = true};
	memcpy(&props->caps, &caps, sizeof(caps));
}

static ggml_backend_t device_init_backend(ggml_backend_dev_t dev, const char *params)
{
	(void)params;
	return gw_backend_new(context_of(dev));
}

static ggml_backend_buffer_type_t device_buft(ggml_backend_dev_t dev)
{
	return &context_of(dev)->buft.api_3;
}

static bool device_supports_buft(ggml_backend_dev_t dev, ggml_backend_buffer_type_t buft)
{
	const struct gw_remote_device *device = context_of(dev);
	const struct gw_remote_device *other = gw_buft_device(buft);

	return other && other->remote == device->remote && other->index == device->index;
}

/* ggml's scheduler aborts if a device does not support a node whose result is in its memory already: no other device
 * can execute it. Such a node counts as supported, and its graph is refused (gw_query_is_refused). A buffer without
 * memory, with which programs measure, has only its type. */
static bool device_supports_op(ggml_backend_dev_t dev, const struct ggml_tensor *op)
{
	ggml_backend_buffer_t buffer = op->view_src ? op->view_src->buffer : op->buffer;

	if (gw_query_supports_op(context_of(dev), op))
		return true;
	if (!buffer || !device_supports_buft(dev, ggml_backend_buffer_get_type(buffer)))
		return false;
	atomic_store(&context_of(dev)->remote->overruled, true);
	return true;
}

static const struct ggml_backend_device_i device_iface = {
	.get_name = device_name,
	.get_description = device_description,
	.get_memory = device_memory,
	.get_type = device_type,
	.get_props = device_props,
	.init_backend = device_init_backend,
	.get_buffer_type = device_buft,
	.supports_op = device_supports_op,
	.supports_buft = device_supports_buft,
	.event_new = gw_event_new,
	.event_free = gw_event_free,
	.event_synchronize = gw_event_synchronize,
};

static bool name_device(struct gw_remote_device *device, unsigned number, const char *real)
{
	const char *endpoint = device->remote->endpoint;

	snprintf(device->name, sizeof(device->name), "RPC%u", number);
	if (asprintf(&device->place, "RPC%u[%s]", (unsigned)device->index, endpoint) < 0)
		device->place = NULL;
	int n = real[0] ? asprintf(&device->description, "%s @ %s", real, endpoint)
			: asprintf(&device->description, "%s", endpoint);
	if (n < 0)
		device->description = NULL;
	return device->place && device->description;
}

struct gw_remote_device *gw_remote_device_new(
	struct gw_remote *remote, uint32_t index, unsigned number, const char *real, ggml_backend_reg_t reg)
{
	struct gw_remote_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->remote = remote;
	device->index = index;
	if (!name_device(device, number, real)) {
		gw_remote_device_free(device);
		return NULL;
	}
	device->base = (struct ggml_backend_device){.iface = device_iface, .reg = reg, .context = device};
	gw_buft_init(device);
	return device;
}

void gw_remote_device_free(struct gw_remote_device *device)
{
	free(device->place);
	free(device->description);
	free(device);
}
