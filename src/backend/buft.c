#include "backend/buffer.h"
#include "backend/device.h"
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
	return gw_buffer_new(device, buft, size);
}

size_t gw_remote_device_alignment(const struct gw_remote_device *device, struct gw_link *link)
{
	const uint32_t question[] = {UINT32_MAX, device->index}; /* no node begins so */
	size_t number = GW_LINK_DEFAULT_ALIGNMENT;

	if (link && device->index < link->n_devices)
		number = gw_link_alignment(link, device->index);
	return gw_remote_tell(device->remote, link, "the alignment of buffers", question, sizeof(question), number);
}

static size_t buft_alignment(ggml_backend_buffer_type_t buft)
{
	struct gw_remote_device *device = context_of(buft);
	struct gw_link *link = NULL;

	if (gw_remote_current(device->remote, &link) != GW_OK)
		return gw_remote_device_alignment(device, NULL);
	size_t alignment = gw_remote_device_alignment(device, link);
	gw_link_put(link);
	return alignment;
}

static size_t buft_max_size(ggml_backend_buffer_type_t buft)
{
	struct gw_remote_device *device = context_of(buft);
	struct gw_link *link;

	if (gw_remote_current(device->remote, &link) != GW_OK)
		return SIZE_MAX;
	size_t size = device->index < link->n_devices ? gw_link_max_size(link, device->index) : SIZE_MAX;
	gw_link_put(link);
	return size;
}

static size_t buft_alloc_size(ggml_backend_buffer_type_t buft, const struct ggml_tensor *tensor)
{
	return gw_remote_device_alloc_size(context_of(buft), tensor);
}

struct gw_remote_device *gw_buft_device(ggml_backend_buffer_type_t buft)
{
	return buft && buft->iface.get_name == buft_name ? context_of(buft) : NULL;
}

static void init_api_2(struct gw_remote_device *device)
{
	device->buft.api_2 = (struct gw_ggml_buffer_type_2){
		.iface =
			{
				.get_name = buft_name,
				.alloc_buffer = buft_alloc,
				.get_alignment = buft_alignment,
				.get_max_size = buft_max_size,
				.get_alloc_size = buft_alloc_size,
			},
		.device = &device->base,
		.context = device,
	};
}

void gw_buft_init(struct gw_remote_device *device)
{
	if (gw_abi_get(NULL)->api_version == GW_GGML_API_2) {
		init_api_2(device);
		return;
	}
	device->buft.api_3 = (struct ggml_backend_buffer_type){
		.iface =
			{
				.get_name = buft_name,
				.alloc_buffer = buft_alloc,
				.get_alignment = buft_alignment,
				.get_max_size = buft_max_size,
				.get_alloc_size = buft_alloc_size,
			},
		.device = &device->base,
		.context = device,
	};
}
