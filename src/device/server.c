#include "device/server.h"

#include <stdlib.h>
#include <string.h>

#include "device/commands/dispatch.h"
#include "device/session/session.h"
#include "device/weights/models.h"
#include "ggml/abi.h"
#include "ggml/numbers.h"
#include "rpc/gone.h"
#include "wire/extension.h"

const struct gw_dialect *gw_server_dialect(void)
{
	const struct gw_numbers *numbers = gw_numbers_get(NULL);

	return numbers ? numbers->dialect : &gw_dialect_newest;
}

static enum gw_status check_options(const struct gw_server_options *o, struct gw_error *err)
{
	if (!o->dialect)
		return gw_error_set(err, GW_ERR_INVALID, "no protocol version to serve");
	if (o->n_devices < 1 || o->n_devices > GW_EXT_MAX_DEVICES)
		return gw_error_set(err, GW_ERR_INVALID, "%zu devices to serve; 1 to %d are possible", o->n_devices,
			GW_EXT_MAX_DEVICES);
	for (size_t i = 0; i < o->n_devices; i++)
		if (!o->devices[i] || !ggml_backend_dev_buffer_type(o->devices[i]))
			return gw_error_set(err, GW_ERR_INVALID, "device %zu to serve has no buffers", i);
	if (o->n_threads > 4096)
		return gw_error_set(err, GW_ERR_INVALID, "%zu threads; at most 4096 are possible", o->n_threads);
	return GW_OK;
}

enum gw_status gw_server_new(const struct gw_server_options *options, struct gw_server **out, struct gw_error *err)
{
	if (!gw_abi_get(err))
		return GW_ERR_UNSUPPORTED;
	enum gw_status st = check_options(options, err);
	if (st != GW_OK)
		return st;
	struct gw_server *server = calloc(1, sizeof(*server));
	if (!server)
		goto no_memory;
	server->n_devices = options->n_devices;
	server->n_threads = (int)options->n_threads;
	server->max_memory = options->max_memory;
	server->dialect = options->dialect;
	server->transport = options->transport;
	server->watch = options->watch;
	server->pair = options->pair;
	server->await_link = options->await_link;
	server->pair_user = options->pair_user;
	server->devices = calloc(options->n_devices, sizeof(*server->devices));
	server->touched = calloc(options->n_devices, sizeof(*server->touched));
	if (!server->devices || !server->touched)
		goto free_server;
	memcpy(server->devices, options->devices, options->n_devices * sizeof(*server->devices));
	if (options->models) {
		st = gw_models_open(options->models, options->index_dir, &server->models, err);
		if (st != GW_OK) {
			gw_server_free(server);
			return st;
		}
	}
	*out = server;
	return GW_OK;

free_server:
	gw_server_free(server);
no_memory:
	return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
}

void gw_server_free(struct gw_server *server)
{
	if (!server)
		return;
	gw_models_close(server->models);
	free(server->devices);
	free(server->touched);
	free(server);
}

void gw_server_look_at_memory(struct gw_server *server)
{
	if (!server->watch.counters)
		return;
	for (size_t i = 0; i < server->n_devices; i++)
		if (atomic_load(&server->touched[i]) ||
			ggml_backend_dev_type(server->devices[i]) == GGML_BACKEND_DEVICE_TYPE_CPU)
			gw_server_note_memory(server, server->watch.counters, i);
}

/* Whether a driver may hold something for this process: a device was asked for its memory, and is no CPU. */
static bool holds_driver(const struct gw_server *server)
{
	for (size_t i = 0; i < server->n_devices; i++)
		if (atomic_load(&server->touched[i]) &&
			ggml_backend_dev_type(server->devices[i]) != GGML_BACKEND_DEVICE_TYPE_CPU)
			return true;
	return false;
}

static void stop(void *user)
{
	struct gw_session *s = user;

	atomic_store(&s->stop, true);
}

/* The server shuts down. */
static void end_session(void *user)
{
	struct gw_session *s = user;

	atomic_store(&s->stopping, true);
	atomic_store(&s->stop, true);
	gw_connection_stop(s->peer);
}

static void give_up(void *user)
{
	const struct gw_session *s = user;
	const struct gw_server_watch *watch = &s->server->watch;

	if (watch->stuck)
		watch->stuck(watch->user);
}

/* A connection that has no descriptor is within this process, which knows when it ends. */
static enum gw_status watch_client(struct gw_session *s, int fd, struct gw_error *err)
{
	const struct gw_gone_steps steps = {.stop = stop,
		.give_up = give_up,
		.stopping = end_session,
		.stop_fd = s->server->watch.stop_fd,
		.user = s};

	return fd < 0 ? GW_OK : gw_gone_watch(fd, &steps, &s->gone, err);
}

static enum gw_status serve_session(struct gw_session *s, int fd, struct gw_error *err)
{
	enum gw_status st = watch_client(s, fd, err);

	if (st != GW_OK)
		return st;
	gw_connection_count(s->peer, &s->counters->count[GW_COUNT_RECEIVED], &s->counters->count[GW_COUNT_SENT]);
	st = gw_dispatch_run(s, err);
	gw_connection_count(s->peer, NULL, NULL);
	if (atomic_load(&s->stopping))
		return gw_error_set(err, GW_ERR_LOST, "the server is shutting down");
	if (!atomic_load(&s->stop) || (st != GW_ERR_COMPUTE && st != GW_ERR_LOST))
		return st;
	/* Nobody takes what is still queued. */
	gw_connection_shutdown(s->peer);
	return gw_error_set(err, GW_ERR_LOST, "the client left before its requests were done; they were stopped");
}

static enum gw_status serve(struct gw_server *server, struct gw_server_visit *visit, struct gw_connection *peer, int fd,
	struct gw_error *err)
{
	struct gw_session s;

	enum gw_status st = gw_connection_handshake(peer, err);
	if (st != GW_OK)
		return st;
	if (gw_session_init(&s, server, peer) != GW_OK)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory for a client");
	s.cache = visit->cache;
	s.refused = visit->refused;
	st = serve_session(&s, fd, err);
	visit->tainted = s.tainted || gw_connection_is_upgraded(peer) || holds_driver(server);
	gw_session_free(&s);
	return st;
}

enum gw_status gw_server_serve(
	struct gw_server *server, struct gw_transport *transport, struct gw_server_visit *visit, struct gw_error *why)
{
	struct gw_server_visit any = {0};
	struct gw_error err = {0};
	struct gw_connection *peer;

	if (!visit)
		visit = &any;
	if (gw_connection_new(transport, visit->dialect ? visit->dialect : server->dialect, &peer) != GW_OK) {
		transport->ops->close(transport);
		return gw_error_set(why, GW_ERR_NOMEM, "out of memory for a client");
	}
	gw_connection_set_mode(peer, server->transport);
	/* Over RDMA it stays the one that says whether the client is there. */
	int fd = transport->ops->hangup_fd ? transport->ops->hangup_fd(transport) : -1;
	enum gw_status st = serve(server, visit, peer, fd, &err);
	gw_connection_free(peer);
	gw_server_look_at_memory(server);
	if (why)
		*why = err;
	return st;
}
