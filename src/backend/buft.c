#include "backend/buft.h"

#include "backend/buffer_iface.h"
#include "backend/query.h"
#include "ggml/abi.h"

/* The buffer type is a part of its device; where its own fields are depends on the running ggml. */
static struct gw_remote_device *context_of(ggml_backend_buffer_type_t buft)
{
	return (struct gw_remote_device *)(void *)((char *)buft - offsetof(struct gw_remote_device, buft));
}

static const char *buft_name(ggml_backend_buffer_type_t buft)
{
	return context_of(buft)->place;
}

static ggml_backend_buffer_t buft_alloc(ggml_backend_buffer_type_t buft, size_t size)
{
	struct gw_remote_device *device = context_of(buft);
	return gw_buffer_new(device->remote, device->index, buft, size);
}

static size_t buft_alignment(ggml_backend_buffer_type_t buft)
{
	const struct gw_remote_device *device = context_of(buft);
	struct gw_remote_conn *conn;

	if (gw_remote_current(device->remote, &conn) != GW_OK)
		return gw_remote_alignment(device->remote, NULL, device->index);
	size_t alignment = gw_remote_alignment(device->remote, conn, device->index);
	gw_remote_put(conn);
	return alignment;
}

static size_t buft_max_size(ggml_backend_buffer_type_t buft)
{
	const struct gw_remote_device *device = context_of(buft);
	struct gw_remote_conn *conn;

	if (gw_remote_current(device->remote, &conn) != GW_OK)
		return SIZE_MAX;
	size_t size = device->index < conn->n_devices ? gw_remote_conn_max_size(conn, device->index) : SIZE_MAX;
	gw_remote_put(conn);
	return size;
}

static size_t buft_alloc_size(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor)
{
	return gw_query_alloc_size(context_of(buft), tensor);
}

struct gw_remote_device *gw_buft_device(ggml_backend_buffer_type_t buft)
{
	return buft && buft->iface.get_name == buft_name ? context_of(buft) : NULL;
}

#define IFACE                                                                                       \
	{                                                                                           \
		.get_name = buft_name, .alloc_buffer = buft_alloc, .get_alignment = buft_alignment, \
		.get_max_size = buft_max_size, .get_alloc_size = buft_alloc_size,                   \
	}

void gw_buft_init(struct gw_remote_device *device)
{
	if (gw_abi_get(NULL)->api_version == GW_GGML_API_2)
		device->buft.api_2 =
			(struct gw_ggml_buffer_type_2){.iface = IFACE, .device = &device->base, .context = device};
	else
		device->buft.api_3 =
			(struct ggml_backend_buffer_type){.iface = IFACE, .device = &device->base, .context = device};
}
