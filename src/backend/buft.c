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

/* If the server cannot be reached, the value only has to be valid. */
static size_t query(
	ggml_backend_buffer_type_t buft, size_t (*question)(struct gw_remote_conn *, uint32_t), size_t otherwise)
{
	struct gw_remote_device *device = context_of(buft);
	struct gw_remote_conn *conn;

	if (gw_remote_current(device->remote, &conn) != GW_OK)
		return otherwise;
	size_t answer = device->index < conn->n_devices ? question(conn, device->index) : otherwise;
	gw_remote_put(conn);
	return answer;
}

static size_t buft_alignment(ggml_backend_buffer_type_t buft)
{
	return query(buft, gw_remote_conn_alignment, GW_REMOTE_DEFAULT_ALIGNMENT);
}

static size_t buft_max_size(ggml_backend_buffer_type_t buft)
{
	return query(buft, gw_remote_conn_max_size, SIZE_MAX);
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
