#include "daemon/workers/keeper_run.h"
#include "base/clock.h"
#include "daemon/sandbox/sandbox.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/events.h"
#include "base/log.h"
#include "device/weights/cache_store.h"
#include "device/weights/cache_wire.h"

struct keeper {
	struct gw_source control;
	int events;
	struct gw_cache_store *store;
	bool done;
	int exit_status;
};

/* A worker's client. */
struct visitor {
	struct gw_source source;
	int sock;
	struct gw_cache_domain *domain;
};

static void leave(struct visitor *v)
{
	gw_cache_domain_close(v->domain);
	close(v->sock);
	free(v);
}

static void on_request(struct gw_source *source)
{
	struct visitor *v = (struct visitor *)source;
	enum gw_status status = gw_cache_answer(v->sock, v->domain);
	if (!status || status == GW_ERR_TIMEOUT)
		return;
	if (status != GW_ERR_CLOSED && status != GW_ERR_LOST)
		gw_log_error("cache: a worker sent what is no request: its client goes on without the cache");
	leave(v);
}

/* Takes ownership of sock. */
static void add_visitor(struct keeper *k, int sock, const char *domain)
{
	struct gw_error err;
	struct visitor *v = calloc(1, sizeof(*v));
	if (!v || gw_cache_domain_open(k->store, domain, &v->domain)) {
		gw_log_warn("cache: clients of %s continue without it", domain);
		close(sock);
		free(v);
		return;
	}
	v->source.ready = on_request;
	v->sock = sock;
	if (gw_events_add(k->events, sock, &v->source, &err)) {
		gw_log_warn("cache: clients of %s continue without it: %s", domain, err.text);
		leave(v);
	}
}

static void on_control(struct gw_source *source)
{
	struct keeper *k = (struct keeper *)source;
	struct gw_control_msg msg;
	struct gw_error err;
	int fd = -1;
	enum gw_status status = gw_control_recv(GW_CONTROL_FD, false, &msg, &fd, &err);
	if (status == GW_ERR_TIMEOUT)
		return;
	if (!status && msg.type == GW_CONTROL_CACHE) {
		add_visitor(k, fd, msg.u.domain);
		return;
	}
	if (fd >= 0)
		close(fd);
	k->done = true;
	k->exit_status = status == GW_ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Each client has a socket and perhaps an unfinished file here. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static enum gw_status lock_in(const struct gw_control_setup *setup, struct gw_error *err)
{
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {.mode = setup->sandbox, .cache_dir = setup->cache_dir, .cache_tree = true};
	return gw_sandbox_enter(&sandbox, in_force, err);
}

static enum gw_status prepare(struct keeper *k, const struct gw_control_setup *setup, struct gw_error *err)
{
	const struct gw_cache_store_options options = {
		.dir = setup->cache_dir, .max = setup->cache_size, .shared = setup->cache_shared};
	enum gw_status status = lock_in(setup, err);
	if (!status && gw_cache_store_open(&options, &k->store))
		status = gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	if (!status)
		status = gw_events_open(&k->events, err);
	if (!status)
		status = gw_events_add(k->events, GW_CONTROL_FD, &k->control, err);
	return status;
}

/* Open descriptors are left to the end of the process. Unfinished files are removed when the cache is opened next. */
int gw_keeper_run(const struct gw_control_setup *setup)
{
	struct gw_error err;
	struct keeper k = {.control = {on_control}};
	raise_descriptor_limit();
	enum gw_status status = prepare(&k, setup, &err);
	while (!status && !k.done)
		status = gw_events_wait(k.events, GW_CLOCK_NEVER, &err);
	if (status) {
		gw_log_error("cache: %s", err.text);
		return EXIT_FAILURE;
	}
	gw_cache_store_close(k.store);
	return k.exit_status;
}
