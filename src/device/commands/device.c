/* Questions about devices. */
#include "device/commands/commands.h"
#include "wire/message.h"

/* The device that a body names, or NULL and the error. */
static struct gw_device *decode_device(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint32_t index;

	if (gw_wire_device_req_decode(body, size, &index))
		return gw_session_device(s, index, err);
	gw_refuse_body(size, err);
	return NULL;
}

static enum gw_status reply_u64(struct gw_session *s, uint64_t value, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_u64_rsp_encode(value, out);

	return gw_connection_reply(s->peer, out, n, err);
}

enum gw_status gw_do_device_count(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	(void)body;
	(void)size;
	size_t n = gw_wire_count_rsp_encode((uint32_t)s->server->n_devices, out);

	return gw_connection_reply(s->peer, out, n, err);
}

enum gw_status gw_do_get_alignment(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_device *device = decode_device(s, body, size, err);

	if (!device)
		return GW_ERR_PROTOCOL;
	return reply_u64(s, ggml_backend_buft_get_alignment(gw_device_buft(device)), err);
}

enum gw_status gw_do_get_max_size(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_device *device = decode_device(s, body, size, err);

	if (!device)
		return GW_ERR_PROTOCOL;
	return reply_u64(s, ggml_backend_buft_get_max_size(gw_device_buft(device)), err);
}

/* A client is told only of the memory that it can have. */
static void limit(const struct gw_session *s, const struct gw_device *device, size_t *available, size_t *total)
{
	uint64_t max = s->server->max_memory, left = gw_buffers_left(&s->buffers, device->dev);
	if (max == 0)
		return;
	if (*available > left)
		*available = left;
	if (*total > max)
		*total = max;
}

enum gw_status gw_do_get_device_memory(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	size_t available, total;
	struct gw_device *device = decode_device(s, body, size, err);

	if (!device)
		return GW_ERR_PROTOCOL;
	gw_session_ask_memory(s, device, &available, &total);
	gw_session_count_memory(s, device);
	limit(s, device, &available, &total);
	size_t n = gw_wire_memory_rsp_encode(&(struct gw_wire_memory_rsp){.free = available, .total = total}, out);
	return gw_connection_reply(s->peer, out, n, err);
}
