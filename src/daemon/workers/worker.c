#include "daemon/workers/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ggml-backend.h>
#include <ggml.h>

#include "base/log.h"
#include "daemon/processes/control.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/status/scoreboard.h"
#include "daemon/workers/devices.h"
#include "daemon/workers/index.h"
#include "daemon/workers/keeper_run.h"
#include "daemon/workers/login.h"
#include "daemon/workers/stopping.h"
#include "device/server.h"
#include "device/weights/cache.h"
#include "ggml/bind.h"
#include "transport/list/transports.h"
#include "transport/tls/tls.h"
#include "wire/dialect.h"
#include "wire/extension.h"

struct worker {
	struct gw_control_setup setup;
	ggml_backend_dev_t devices[GW_EXT_MAX_DEVICES];
	size_t n_devices;
	struct gw_server *server;
	struct gw_scoreboard *board; /* NULL = counters are not published */
	struct gw_counters counters; /* used if board is NULL */
	int cache;                   /* socket of the next client's cache; -1 = none */
};

static void on_abort(const char *text)
{
	gw_log_error("worker %ld: ggml gives up: %.*s", (long)getpid(), (int)strcspn(text, "\n"), text);
}

static enum gw_status tell(const struct gw_control_msg *msg)
{
	return gw_control_send(GW_CONTROL_FD, true, msg, -1, NULL);
}

static enum gw_status tell_device(ggml_backend_dev_t dev)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_DEVICE};
	struct gw_control_device *d = &msg.u.device;
	size_t free_bytes = 0, total = 0;
	ggml_backend_dev_memory(dev, &free_bytes, &total);
	snprintf(d->name, sizeof(d->name), "%s", ggml_backend_dev_name(dev));
	snprintf(d->description, sizeof(d->description), "%s", ggml_backend_dev_description(dev));
	d->free = free_bytes;
	d->total = total;
	d->has_driver = ggml_backend_dev_type(dev) != GGML_BACKEND_DEVICE_TYPE_CPU;
	gw_devices_library(dev, d->library, sizeof(d->library));
	return tell(&msg);
}

static enum gw_status receive_setup(struct gw_control_setup *setup, struct gw_error *err)
{
	struct gw_control_msg msg;
	enum gw_status status = gw_control_recv(GW_CONTROL_FD, true, &msg, NULL, err);
	if (status)
		return status;
	if (msg.type != GW_CONTROL_SETUP)
		return gw_error_set(err, GW_ERR_PROTOCOL, "no setup");
	*setup = msg.u.setup;
	return GW_OK;
}

static enum gw_status tell_status(void *user, struct gw_buf *out)
{
	struct worker *w = user;
	struct gw_ext_status s;
	enum gw_status status = gw_scoreboard_read(w->board, &s);
	if (status)
		return status;
	status = gw_ext_status_encode(&s, out);
	gw_ext_status_free(&s);
	return status;
}

static void tell_working(void *user)
{
	(void)user;
	(void)tell(&(struct gw_control_msg){.type = GW_CONTROL_WORKS});
}

static uint64_t held_by_others(void *user)
{
	const struct worker *w = user;
	return gw_scoreboard_held_by_others(w->board);
}

static void tell_loading(void *user)
{
	(void)user;
	(void)tell(&(struct gw_control_msg){.type = GW_CONTROL_LOADING});
}

/* The device cannot be stopped, but the process can exit; kernel and driver then release what it holds. */
static void leave_stuck(void *user)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_LEFT};
	(void)user;
	msg.u.left.why.status = gw_error_set(&msg.u.left.why, GW_ERR_LOST, "%s",
		gw_stopping_begun() ? "the server is shutting down"
				    : "the client left before its requests were done; the worker ends with them");
	(void)tell(&msg);
	_exit(EXIT_SUCCESS);
}

static struct gw_server_watch watch(struct worker *w)
{
	return (struct gw_server_watch){
		.counters = w->board ? gw_scoreboard_counters(w->board) : &w->counters,
		.held_by_others = w->board ? held_by_others : NULL,
		.status = w->board ? tell_status : NULL,
		.working = tell_working,
		.loading = w->setup.progress ? tell_loading : NULL,
		.stuck = leave_stuck,
		.stop_fd = gw_stopping_fd(),
		.user = w,
	};
}

static enum gw_status attach(struct worker *w, struct gw_error *err)
{
	const int fds[] = {GW_CONTROL_BOARD_FD, GW_CONTROL_BOARD_READ_FD};
	if (!w->setup.has_board)
		return GW_OK;
	return gw_scoreboard_attach(fds, w->setup.board_slots, w->setup.board_slot, &w->board, err);
}

/* The longest time that the connecting process takes, name lookup included. */
#define PAIR_MS (GW_PAIRING_MS + 20000)

static enum gw_status await_pair(int answer, int ms, struct gw_control_msg *msg, int *fd, struct gw_error *err)
{
	struct pollfd pfd = {.fd = answer, .events = POLLIN};
	if (poll(&pfd, 1, ms) <= 0)
		return gw_error_set(err, GW_ERR_TIMEOUT, "no connection to the other server");
	return gw_control_recv(answer, false, msg, fd, err);
}

/* gw_server_pair. This process may make no connection itself. */
static enum gw_status ask_for_pair(
	void *user, const char *client, const struct gw_pairing *pairing, int *fd, struct gw_error *err)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_PAIR, .u.pair = *pairing};
	int answer = -1;
	*fd = -1;
	(void)user;
	(void)client;
	enum gw_status status = gw_control_send(GW_CONTROL_FD, true, &msg, -1, err);
	if (!status)
		status = gw_control_recv(GW_CONTROL_FD, true, &msg, &answer, err);
	if (!status && msg.type == GW_CONTROL_PAIRING && pairing->links && pairing->listens) {
		*fd = answer;
		return GW_OK;
	}
	if (!status && msg.type == GW_CONTROL_PAIRING)
		status = await_pair(answer, PAIR_MS, &msg, fd, err);
	if (answer >= 0)
		close(answer);
	if (status || msg.type == GW_CONTROL_PAIRED)
		return status;
	if (*fd >= 0)
		close(*fd);
	if (err && msg.type == GW_CONTROL_FAILED)
		*err = msg.u.error;
	return msg.type == GW_CONTROL_FAILED ? msg.u.error.status : gw_error_set(err, GW_ERR_PROTOCOL, "no answer");
}

/* The other server has presented the secret already, but this supervisor may not have looked at it yet. */
#define LINK_MS 5000

/* gw_server_await_link */
static enum gw_status await_link(void *user, int ticket, int *fd, struct gw_error *err)
{
	struct gw_control_msg msg;
	(void)user;
	*fd = -1;
	enum gw_status status = await_pair(ticket, LINK_MS, &msg, fd, err);
	if (status == GW_ERR_CLOSED)
		return gw_error_set(err, GW_ERR_TIMEOUT, "the other server did not come in time");
	if (!status && msg.type != GW_CONTROL_PAIRED)
		status = gw_error_set(err, GW_ERR_PROTOCOL, "no link");
	return status;
}

/* Whether clients may switch to RDMA, on a machine that has a device for it. */
static bool may_upgrade(const struct worker *w)
{
	return w->setup.transport != GW_TRANSPORT_TCP && access("/dev/infiniband", F_OK) == 0;
}

static enum gw_status prepare(struct worker *w, struct gw_error *err)
{
	enum gw_status status = attach(w, err);
	/* Once the sandbox is closed, no file can be opened. */
	if (!status && w->setup.tls)
		status = gw_tls_check(err);
	if (status)
		return status;
	if (may_upgrade(w) && gw_transport_upgrade->warm_up)
		gw_transport_upgrade->warm_up();
	ggml_set_abort_callback(on_abort);
	gw_devices_load(!w->setup.probe, w->setup.libraries);
	status = gw_devices_choose(w->setup.devices, w->devices, GW_EXT_MAX_DEVICES, &w->n_devices, err);
	if (status)
		return status;
	struct gw_server_options options = {
		.devices = w->devices,
		.n_devices = w->n_devices,
		.n_threads = w->setup.n_threads,
		.dialect = gw_server_dialect(),
		.transport = w->setup.transport,
		.max_memory = w->setup.max_memory,
		.models = w->setup.models[0] ? w->setup.models : NULL,
		.index_dir = w->setup.index_dir,
		.watch = watch(w),
		.pair = w->setup.no_peers ? NULL : ask_for_pair,
		.await_link = await_link,
	};
	return gw_server_new(&options, &w->server, err);
}

/* Whether drivers are used: for a device other than the CPU, or for RDMA. */
static bool has_drivers(const struct worker *w)
{
	for (size_t i = 0; i < w->n_devices; i++)
		if (ggml_backend_dev_type(w->devices[i]) != GGML_BACKEND_DEVICE_TYPE_CPU)
			return true;
	return may_upgrade(w);
}

/* Whether the environment makes the threading library bind its threads to processors. */
static bool pins_threads(void)
{
	static const char *const variables[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"};
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (getenv(variables[i]))
			return true;
	return false;
}

/* Called after the devices' libraries are loaded and before a client's first byte is read. The probe reports for all
 * workers which parts are in force. */
static enum gw_status lock_in(const struct worker *w, struct gw_error *err)
{
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {
		.mode = w->setup.sandbox,
		.kind = has_drivers(w) ? GW_SANDBOX_DRIVERS : GW_SANDBOX_CPU,
		.pins_threads = pins_threads(),
		.index_dir = w->setup.models[0] ? w->setup.index_dir : NULL,
	};
	enum gw_status status = gw_sandbox_enter(&sandbox, in_force, err);
	if (status == GW_OK && w->setup.probe)
		gw_log_info("sandbox of workers: %s", in_force);
	return status;
}

static enum gw_status report(const struct worker *w)
{
	enum gw_status status = GW_OK;
	for (size_t i = 0; i < w->n_devices && !status; i++)
		status = tell_device(w->devices[i]);
	return status;
}

/* Uses the cache socket that the supervisor has sent for the next client. */
static void take_cache(struct worker *w, int fd)
{
	if (w->cache >= 0)
		close(w->cache);
	w->cache = fd;
}

/* A client with TLS authenticates first; its cache socket follows. */
static enum gw_status log_in(
	struct worker *w, struct gw_transport **t, struct gw_server_visit *visit, struct gw_error *why)
{
	struct gw_login_result result;
	enum gw_status status = gw_login_run(t, &result, why);
	take_cache(w, result.cache);
	if (status)
		return status;
	if (!visit->refused.reason)
		visit->refused = result.refused;
	(*t)->keep_encrypted = !w->setup.rdma_plaintext;
	return GW_OK;
}

/* Serves one connection, then reports why it ended and whether this process can serve another. A process that has held
 * a key exits with its client. */
static struct gw_control_left serve(struct worker *w, int fd, const struct gw_control_client *client)
{
	struct gw_server_visit visit = {.dialect = gw_dialect_for(client->version, NULL), .refused = client->refused};
	struct gw_control_left left = {0};
	struct gw_transport *transport;
	left.why.status = gw_transport_from_fd(fd, &transport, &left.why);
	if (left.why.status) {
		close(fd);
		return left;
	}
	if (client->tls && log_in(w, &transport, &visit, &left.why)) {
		transport->ops->close(transport);
		return left;
	}
	if (w->cache >= 0)
		(void)gw_cache_new_remote(w->cache, &visit.cache);
	w->cache = -1;
	gw_stopping_set_serving(true);
	left.why.status = gw_server_serve(w->server, transport, &visit, &left.why);
	gw_stopping_set_serving(false);
	gw_cache_free(visit.cache);
	bool clean = left.why.status == GW_ERR_CLOSED || (visit.refused.reason && left.why.status == GW_ERR_LIMIT);
	left.stays = clean && !visit.tainted && !client->tls && !gw_stopping_begun();
	return left;
}

/* Serves clients that only query, one after another, and then one that does more. Returns the exit status. */
static int loop(struct worker *w)
{
	for (;;) {
		struct gw_control_msg msg;
		struct gw_error err;
		int fd = -1;
		if (gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, &err))
			return err.status == GW_ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
		if (msg.type == GW_CONTROL_MEMORY) {
			gw_server_look_at_memory(w->server);
			continue;
		}
		if (msg.type == GW_CONTROL_CACHE) {
			take_cache(w, fd);
			continue;
		}
		if (msg.type != GW_CONTROL_CLIENT)
			return EXIT_FAILURE;
		const struct gw_control_left left = serve(w, fd, &msg.u.client);
		if (tell(&(struct gw_control_msg){.type = GW_CONTROL_LEFT, .u.left = left}) || !left.stays)
			return EXIT_SUCCESS;
	}
}

static int run(struct worker *w)
{
	struct gw_error err;
	if (receive_setup(&w->setup, &err))
		return EXIT_FAILURE;
	gw_sandbox_begin(w->setup.sandbox);
	gw_log_set_format(w->setup.log_format);
	if (w->setup.has_log_level)
		gw_log_set_level(w->setup.log_level);
	bool loaded = gw_ggml_load(w->setup.ggml[0] ? w->setup.ggml : NULL, &err) == GW_OK;
	if (w->setup.index)
		return loaded ? gw_index_run(&w->setup) : EXIT_FAILURE;
	if (w->setup.keeper)
		return gw_keeper_run(&w->setup);
	if (!loaded || prepare(w, &err) || lock_in(w, &err)) {
		tell(&(struct gw_control_msg){.type = GW_CONTROL_FAILED, .u.error = err});
		return EXIT_FAILURE;
	}
	int rc = EXIT_FAILURE;
	if ((!w->setup.probe || !report(w)) && !tell(&(struct gw_control_msg){.type = GW_CONTROL_READY}))
		rc = w->setup.probe ? EXIT_SUCCESS : loop(w);
	gw_server_free(w->server);
	return rc;
}

int gw_worker_main(void)
{
	/* The kernel kills the worker if the supervisor dies. If the supervisor died before this line, reading the
	 * control socket fails. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	/* To the cache, the limit on file sizes is the same as a full disk, so the signal is ignored. */
	signal(SIGXFSZ, SIG_IGN);
	/* Ctrl-C reaches the whole process group; the supervisor ends its workers itself. */
	signal(SIGINT, SIG_IGN);
	gw_stopping_init();
	struct worker *w = calloc(1, sizeof(*w));
	if (!w)
		return EXIT_FAILURE;
	w->cache = -1;
	int rc = run(w);
	gw_scoreboard_free(w->board);
	free(w);
	return rc;
}
