#include "device/session/session.h"

#include "device/peers/communicator.h"
#include "device/peers/peers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "device/memory/prefault.h"
#include "rpc/gone.h"

enum gw_status gw_session_init(struct gw_session *s, const struct gw_server *server, struct gw_connection *peer)
{
	const struct gw_dialect *dialect = gw_connection_dialect(peer);

	*s = (struct gw_session){.server = server, .dialect = dialect, .opmap = gw_opmap_for(dialect), .peer = peer};
	s->budget.max = server->max_memory;
	gw_buffers_init(&s->buffers, &s->budget);
	s->own = server->watch.counters ? NULL : calloc(1, sizeof(*s->own));
	s->counters = s->own ? s->own : server->watch.counters;
	s->share = (struct gw_budget_share){&s->counters->held, server->watch.held_by_others, server->watch.user};
	s->budget.share = server->watch.held_by_others ? &s->share : NULL;
	s->devices = calloc(server->n_devices, sizeof(*s->devices));
	if (!s->devices || !s->counters) {
		free(s->devices);
		free(s->own);
		return GW_ERR_NOMEM;
	}
	for (size_t i = 0; i < server->n_devices; i++) {
		gw_device_init(&s->devices[i], server->devices[i], server->n_threads, s->counters);
		s->devices[i].budget = &s->budget;
		s->devices[i].stop = &s->stop;
	}
	gw_counters_set(&s->counters->tool, false);
	return GW_OK;
}

void gw_session_free(struct gw_session *s)
{
	gw_session_synchronize(s);
	gw_budget_leave(&s->budget);
	gw_gone_end(s->gone);
	gw_connection_unregister_memory(s->peer, NULL);
	gw_staging_free(&s->staging);
	gw_prefault_free(s->prefault);
	for (size_t i = 0; i < s->server->n_devices; i++)
		gw_graph_cache_free(&s->devices[i].graphs);
	gw_buffers_free(&s->buffers);
	gw_peers_free(s->peers);
	for (size_t i = 0; i < s->server->n_devices; i++) {
		gw_communicator_free(s->devices[i].communicator);
		gw_device_free(&s->devices[i]);
	}
	free(s->devices);
	gw_buf_free(&s->body);
	gw_counters_set(&s->counters->buffers, 0);
	gw_counters_set(&s->counters->buffer_bytes, 0);
	free(s->own);
}

struct gw_device *gw_session_device(struct gw_session *s, uint32_t index, struct gw_error *err)
{
	if (index < s->server->n_devices)
		return &s->devices[index];
	gw_error_set(err, GW_ERR_PROTOCOL, "device %u is not one of %zu", index, s->server->n_devices);
	return NULL;
}

void gw_session_synchronize(struct gw_session *s)
{
	for (size_t i = 0; i < s->server->n_devices; i++)
		gw_device_synchronize(&s->devices[i]);
}

enum gw_status gw_session_outcome(const struct gw_session *s, struct gw_error *err)
{
	enum gw_status st = GW_OK;

	for (size_t i = 0; st == GW_OK && i < s->server->n_devices; i++)
		st = gw_device_outcome(&s->devices[i], err);
	return st;
}

struct gw_buffer *gw_session_buffer(struct gw_session *s, uint64_t handle, struct gw_error *err)
{
	struct gw_buffer *buffer = gw_buffers_find(&s->buffers, handle);

	if (!buffer)
		gw_error_set(err, GW_ERR_PROTOCOL, "buffer %llu is unknown", (unsigned long long)handle);
	return buffer;
}

/* A load of this size or more is worth a line: a second of a fast link, and far more than a token's inputs. */
#define LOADING_BYTES ((uint64_t)64 << 20)

void gw_session_loaded(struct gw_session *s, enum gw_ext_count source, uint64_t bytes)
{
	const struct gw_server_watch *watch = &s->server->watch;

	gw_counters_add(s->counters, source, bytes);
	if (!watch->loading || s->loading >= LOADING_BYTES)
		return;
	s->loading += bytes;
	if (s->loading >= LOADING_BYTES)
		watch->loading(watch->user);
}

static void ask_memory(const struct gw_server *server, size_t i, size_t *available, size_t *total)
{
	*available = *total = 0;
	atomic_store(&server->touched[i], true);
	ggml_backend_dev_memory(server->devices[i], available, total);
}

void gw_session_ask_memory(struct gw_session *s, const struct gw_device *device, size_t *available, size_t *total)
{
	ask_memory(s->server, (size_t)(device - s->devices), available, total);
}

void gw_server_note_memory(const struct gw_server *server, struct gw_counters *counters, size_t i)
{
	struct gw_counters_memory *memory = &counters->devices[i];
	size_t available, total;

	ask_memory(server, i, &available, &total);
	gw_counters_set(&memory->free, available);
	gw_counters_set(&memory->total, total);
	gw_counters_set(&memory->at_ns, gw_clock_ns());
}

void gw_session_count_memory(struct gw_session *s, const struct gw_device *device)
{
	gw_counters_set(&s->counters->buffers, s->buffers.by_handle.count);
	gw_counters_set(&s->counters->buffer_bytes, s->buffers.bytes);
	gw_counters_set(&s->counters->devices[device - s->devices].held, device->held);
	if (s->server->watch.counters)
		gw_server_note_memory(s->server, s->counters, (size_t)(device - s->devices));
}
