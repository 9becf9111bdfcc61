/* Allocating, clearing and freeing buffers. */
#include "base/log.h"
#include "device/commands/commands.h"
#include "wire/extension.h"
#include "wire/message.h"

/* The buffer that a body names, or NULL and the error. */
static struct gw_buffer *decode_buffer(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint64_t handle;

	if (gw_wire_buffer_req_decode(body, size, &handle))
		return gw_session_buffer(s, handle, err);
	gw_refuse_body(size, err);
	return NULL;
}

/* Smaller ones get no payload that is worth registering. */
#define KEEP_MIN ((uint64_t)64 << 10)

static void log_no_buffer(
	const struct gw_session *s, const struct gw_device *device, uint64_t size, enum gw_status status)
{
	const char *peer = gw_connection_name(s->peer), *name = ggml_backend_dev_name(device->dev);

	if (status == GW_ERR_LIMIT && s->budget.max)
		gw_log_warn("%s: no buffer of %llu bytes on %s: %llu of --max-memory %llu are left for buffers, and "
			    "the client's other connections hold %llu",
			peer, (unsigned long long)size, name,
			(unsigned long long)gw_buffers_left(&s->buffers, device->dev),
			(unsigned long long)s->budget.max, (unsigned long long)gw_budget_others(&s->budget));
	else
		gw_log_warn("%s: no buffer of %llu bytes on %s: %s", peer, (unsigned long long)size, name,
			gw_status_text(status));
}

static void note_working(struct gw_session *s)
{
	const struct gw_server_watch *watch = &s->server->watch;

	if (!s->working && watch->working)
		watch->working(watch->user);
	s->working = true;
}

/* Sets *out to the buffer that a body asks for. One that cannot be had is an answer, NULL, and not a failure: clients
 * try other sizes and devices. */
static enum gw_status alloc(
	struct gw_session *s, const void *body, size_t size, const struct gw_buffer **out, struct gw_error *err)
{
	struct gw_wire_alloc_req req;
	struct gw_buffer *buffer = NULL;

	if (!gw_wire_alloc_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, req.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	note_working(s);
	enum gw_status st = gw_buffers_alloc(&s->buffers, device->dev, req.size, &buffer);
	if (st == GW_OK) {
		buffer->device = device;
		device->held += buffer->size;
		gw_session_count_memory(s, device);
	} else {
		log_no_buffer(s, device, req.size, st);
	}
	if (buffer && buffer->is_host && buffer->size >= KEEP_MIN)
		gw_connection_register_memory(s->peer, buffer->base, buffer->size);
	*out = buffer;
	return GW_OK;
}

enum gw_status gw_do_alloc_buffer(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_alloc_rsp rsp = {0};
	const struct gw_buffer *buffer;

	enum gw_status st = alloc(s, body, size, &buffer, err);
	if (st != GW_OK)
		return st;
	if (buffer)
		rsp = (struct gw_wire_alloc_rsp){.buffer = buffer->handle, .size = buffer->size};
	size_t n = gw_wire_alloc_rsp_encode(&rsp, out);
	return gw_connection_reply(s->peer, out, n, err);
}

enum gw_status gw_do_ext_alloc(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_EXT_ALLOC_RSP];
	struct gw_ext_alloc_rsp rsp = {0};
	const struct gw_buffer *buffer;

	enum gw_status st = alloc(s, body, size, &buffer, err);
	if (st != GW_OK)
		return st;
	if (buffer)
		rsp = (struct gw_ext_alloc_rsp){buffer->handle, buffer->size, buffer->vbase};
	gw_ext_alloc_rsp_encode(&rsp, out);
	return gw_connection_reply(s->peer, out, sizeof(out), err);
}

enum gw_status gw_do_buffer_get_base(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_buffer *buffer = decode_buffer(s, body, size, err);

	if (!buffer)
		return GW_ERR_PROTOCOL;
	size_t n = gw_wire_u64_rsp_encode(buffer->vbase, out);
	return gw_connection_reply(s->peer, out, n, err);
}

enum gw_status gw_do_free_buffer(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_buffer *buffer = decode_buffer(s, body, size, err);

	if (!buffer)
		return GW_ERR_PROTOCOL;
	gw_session_synchronize(s);
	for (size_t i = 0; i < s->server->n_devices; i++)
		gw_graph_cache_forget_buffer(&s->devices[i].graphs, buffer->handle);
	struct gw_device *device = buffer->device;
	device->held -= buffer->size;
	if (buffer->base)
		gw_connection_unregister_memory(s->peer, buffer->base);
	gw_buffers_release(&s->buffers, buffer);
	gw_session_count_memory(s, device);
	return GW_OK;
}

enum gw_status gw_do_buffer_clear(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_clear_req req;

	if (!gw_wire_clear_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_buffer *buffer = gw_session_buffer(s, req.buffer, err);
	if (!buffer)
		return GW_ERR_PROTOCOL;
	gw_session_synchronize(s);
	ggml_backend_buffer_clear(buffer->buffer, req.value);
	return GW_OK;
}
