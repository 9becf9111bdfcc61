#include "device/inproc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "device/weights/cache.h"
#include "device/weights/cache_store.h"
#include "transport/list/endpoint.h"
#include "transport/list/pairing.h"
#include "transport/list/transports.h"
#include "wire/extension.h"

#define BACKLOG 16

/* Shared by the listener and the clients' threads; the last of them frees it. */
struct inproc {
	struct gw_server *server;
	struct gw_cache_store *store; /* NULL = no cache */
	gw_banner_line line;
	void *user;
	struct gw_endpoint bound;
	atomic_int users; /* the listener and the clients */
};

struct client {
	struct inproc *in;
	struct gw_transport *transport;
	struct gw_cache *cache; /* NULL = none */
};

static void inproc_release(struct inproc *in)
{
	if (atomic_fetch_sub(&in->users, 1) > 1)
		return;
	gw_server_free(in->server);
	gw_cache_store_close(in->store);
	free(in);
}

static void *client_main(void *arg)
{
	struct client c = *(struct client *)arg;
	struct gw_error why;
	char peer[sizeof(c.transport->peer)];

	free(arg);
	memcpy(peer, c.transport->peer, sizeof(peer));
	c.in->line(GW_BANNER_ACCEPTED, c.in->user);
	if (gw_server_serve(c.in->server, c.transport, &(struct gw_server_visit){.cache = c.cache}, &why) !=
		GW_ERR_CLOSED)
		gw_log_warn("%s: %s", peer, why.text);
	gw_cache_free(c.cache);
	c.in->line(GW_BANNER_CLOSED, c.in->user);
	inproc_release(c.in);
	return NULL;
}

/* Takes over the transport and the cache. */
static void client_start(struct inproc *in, struct gw_transport *transport, struct gw_cache *cache)
{
	pthread_attr_t attr;
	pthread_t thread;
	struct client *c = malloc(sizeof(*c));

	if (atomic_fetch_add(&in->users, 1) > GW_INPROC_CLIENTS || !c)
		goto turn_away;
	*c = (struct client){in, transport, cache};
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int failed = pthread_create(&thread, &attr, client_main, c);
	pthread_attr_destroy(&attr);
	if (!failed)
		return;

turn_away:
	gw_log_warn("%s: refused: too many clients", transport->peer);
	atomic_fetch_sub(&in->users, 1);
	free(c);
	gw_cache_free(cache);
	transport->ops->close(transport);
}

/* Opens the client's part of the store. If that fails, the client continues without a cache. */
static struct gw_cache *cache_of(const struct inproc *in, int fd)
{
	char domain[GW_TRANSPORT_DOMAIN];
	struct gw_cache *cache = NULL;

	gw_transport_peer_domain(fd, domain, sizeof(domain));
	return in->store && gw_cache_new(in->store, domain, &cache) == GW_OK ? cache : NULL;
}

static void take_connection(struct inproc *in, int fd)
{
	struct gw_transport *transport;
	struct gw_error failed;

	if (gw_transport_from_fd(fd, &transport, &failed) == GW_OK) {
		client_start(in, transport, cache_of(in, fd));
		return;
	}
	gw_log_warn("%s", failed.text);
	close(fd);
}

static enum gw_status accept_all(struct inproc *in, int listener, struct gw_error *err)
{
	const struct timespec pause = {.tv_nsec = 100000000};

	for (;;) {
		struct pollfd pfd = {.fd = listener, .events = POLLIN};
		int fd;

		poll(&pfd, 1, -1);
		enum gw_status st = gw_transport_accept(listener, &fd);
		if (st == GW_OK)
			take_connection(in, fd);
		else if (st == GW_ERR_LIMIT)
			nanosleep(&pause, NULL);
		else if (st != GW_ERR_NOT_FOUND)
			return gw_error_errno(err, GW_ERR_SYSTEM, errno, "accept");
	}
}

static void print_banner(const struct inproc *in, const char *endpoint, const struct gw_server_options *o,
	struct gw_banner_device *devices)
{
	for (size_t i = 0; i < o->n_devices; i++) {
		size_t available = 0, total = 0;
		ggml_backend_dev_memory(o->devices[i], &available, &total);
		devices[i] = (struct gw_banner_device){.name = ggml_backend_dev_name(o->devices[i]),
			.description = ggml_backend_dev_description(o->devices[i]),
			.total = total,
			.free = available};
	}
	gw_banner_print(&(struct gw_banner){.version = o->dialect->version,
				.endpoint = endpoint,
				.cache_dir = in->store ? gw_cache_store_dir(in->store) : NULL,
				.transport = gw_transport_mode_text(o->transport),
				.devices = devices,
				.n_devices = o->n_devices},
		in->line, in->user);
}

static enum gw_status listen_on(struct inproc *in, const char *endpoint, int *listener, struct gw_error *err)
{
	struct gw_endpoint ep;

	enum gw_status st = gw_endpoint_parse(endpoint, true, &ep, err);
	return st == GW_OK ? gw_transport_listen(&ep, BACKLOG, listener, &in->bound, err) : st;
}

static enum gw_status run(struct inproc *in, const char *endpoint, const struct gw_server_options *options,
	struct gw_banner_device *devices, struct gw_error *err)
{
	char text[GW_ENDPOINT_MAX + 16];
	int listener;

	enum gw_status st = listen_on(in, endpoint, &listener, err);
	if (st != GW_OK)
		return st;
	gw_endpoint_format(&in->bound, text, sizeof(text));
	print_banner(in, text, options, devices);
	st = accept_all(in, listener, err);
	close(listener);
	return st;
}

/* gw_server_pair, in the client's thread. */
static enum gw_status pair(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err)
{
	const struct inproc *in = user;
	struct gw_pairing_rules rules;

	enum gw_status st = gw_pairing_rules_init(&in->bound, client, &rules, err);
	return st == GW_OK ? gw_pairing_open(pairing, &rules, fd, err) : st;
}

static enum gw_status open_store(struct inproc *in, const char *dir, struct gw_error *err)
{
	const struct gw_cache_store_options options = {.dir = dir};

	if (dir && gw_cache_store_open(&options, &in->store) != GW_OK)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	return GW_OK;
}

enum gw_status gw_server_run_inproc(const char *endpoint, const struct gw_server_options *options,
	const char *cache_dir, gw_banner_line line, void *user, struct gw_error *err)
{
	struct gw_banner_device devices[GW_EXT_MAX_DEVICES];
	struct inproc *in = calloc(1, sizeof(*in));

	if (!in)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	in->line = line ? line : gw_banner_log;
	in->user = user;
	atomic_init(&in->users, 1);
	struct gw_server_options with_pairs = *options;
	with_pairs.pair = pair;
	with_pairs.pair_user = in;
	enum gw_status st = gw_server_new(&with_pairs, &in->server, err);
	if (st == GW_OK)
		st = open_store(in, cache_dir, err);
	if (st == GW_OK)
		st = run(in, endpoint, options, devices, err);
	inproc_release(in);
	return st;
}
