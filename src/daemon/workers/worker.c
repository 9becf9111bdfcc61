#include "daemon/workers/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ggml-backend.h>
#include <ggml.h>

#include "base/log.h"
#include "daemon/sandbox/sandbox.h"
#include "daemon/status/scoreboard.h"
#include "daemon/workers/control.h"
#include "daemon/workers/devices.h"
#include "daemon/workers/index.h"
#include "device/server.h"
#include "ggml/bind.h"
#include "transport/tcp/tcp.h"
#include "wire/dialect.h"
#include "wire/extension.h"

struct worker {
	struct gw_control_setup setup;
	ggml_backend_dev_t devices[GW_EXT_MAX_DEVICES];
	size_t n_devices;
	struct gw_server *server;
	struct gw_scoreboard *board; /* NULL = nobody looks at what is counted */
	struct gw_counters counters; /* used then */
};

static void on_abort(const char *text)
{
	gw_log_error("worker %ld: ggml gives up: %.*s", (long)getpid(), (int)strcspn(text, "\n"), text);
}

static enum gw_status tell(enum gw_control_type type, const struct gw_error *error)
{
	struct gw_control_msg msg = {.type = type};
	if (error)
		msg.u.error = *error;
	return gw_control_send(GW_CONTROL_FD, true, &msg, -1, NULL);
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
	return gw_control_send(GW_CONTROL_FD, true, &msg, -1, NULL);
}

static enum gw_status receive_setup(struct gw_control_setup *setup, struct gw_error *err)
{
	struct gw_control_msg msg;
	int fd = -1;
	enum gw_status status = gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, err);
	if (status)
		return status;
	if (msg.type != GW_CONTROL_SETUP) {
		if (fd >= 0)
			close(fd);
		return gw_error_set(err, GW_ERR_PROTOCOL, "no setup");
	}
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

static void tell_loading(void *user)
{
	(void)user;
	(void)tell(GW_CONTROL_LOADING, NULL);
}

static struct gw_server_watch watch(struct worker *w)
{
	return (struct gw_server_watch){
		.counters = w->board ? gw_scoreboard_counters(w->board) : &w->counters,
		.status = w->board ? tell_status : NULL,
		.loading = w->setup.progress ? tell_loading : NULL,
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

static enum gw_status prepare(struct worker *w, struct gw_error *err)
{
	enum gw_status status = attach(w, err);
	if (status)
		return status;
	ggml_set_abort_callback(on_abort);
	gw_devices_load(!w->setup.probe);
	status = gw_devices_choose(w->setup.devices, w->devices, GW_EXT_MAX_DEVICES, &w->n_devices, err);
	if (status)
		return status;
	struct gw_server_options options = {
		.devices = w->devices,
		.n_devices = w->n_devices,
		.n_threads = w->setup.n_threads,
		.cache_dir = w->setup.cache_dir[0] ? w->setup.cache_dir : NULL,
		.dialect = gw_server_dialect(),
		.transport = w->setup.transport,
		.max_memory = w->setup.max_memory,
		.cache_size = w->setup.cache_size,
		.models = w->setup.models[0] ? w->setup.models : NULL,
		.index_dir = w->setup.index_dir,
		.watch = watch(w),
	};
	return gw_server_new(&options, &w->server, err);
}

/* Whether the lent devices are more than the CPU, or RDMA may be asked for: both mean drivers. */
static bool has_drivers(const struct worker *w)
{
	for (size_t i = 0; i < w->n_devices; i++)
		if (ggml_backend_dev_type(w->devices[i]) != GGML_BACKEND_DEVICE_TYPE_CPU)
			return true;
	return w->setup.transport != GW_TRANSPORT_TCP && access("/dev/infiniband", F_OK) == 0;
}

/* Once the devices' libraries are loaded: before a byte of a client is. The probe says for all what is in force. */
static enum gw_status lock_in(const struct worker *w, struct gw_error *err)
{
	char in_force[GW_SANDBOX_TEXT];
	const struct gw_sandbox sandbox = {
		.mode = w->setup.sandbox,
		.drivers = has_drivers(w),
		.cache_dir = w->setup.cache_dir[0] ? w->setup.cache_dir : NULL,
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

/* Serves one connection and says why it ended. */
static enum gw_status serve(struct worker *w, int fd, struct gw_version version, struct gw_error *why)
{
	struct gw_transport *transport;
	if (gw_tcp_from_fd(fd, &transport, why)) {
		close(fd);
		return why->status;
	}
	return gw_server_serve(w->server, transport, gw_dialect_for(version, NULL), why);
}

/* Clients one by one. Returns the exit status. */
static int loop(struct worker *w)
{
	for (;;) {
		struct gw_control_msg msg;
		int fd = -1;
		struct gw_error why = {0};
		if (gw_control_recv(GW_CONTROL_FD, true, &msg, &fd, &why))
			return why.status == GW_ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
		if (msg.type == GW_CONTROL_MEMORY) {
			gw_server_look_at_memory(w->server);
			continue;
		}
		if (msg.type != GW_CONTROL_CLIENT)
			return EXIT_FAILURE;
		why.status = serve(w, fd, msg.u.client, &why);
		if (tell(GW_CONTROL_LEFT, &why) || why.status != GW_ERR_CLOSED)
			return EXIT_SUCCESS;
	}
}

static int run(struct worker *w)
{
	struct gw_error err;
	if (receive_setup(&w->setup, &err))
		return EXIT_FAILURE;
	gw_log_set_format(w->setup.log_format);
	if (w->setup.has_log_level)
		gw_log_set_level(w->setup.log_level);
	bool loaded = gw_ggml_load(w->setup.ggml[0] ? w->setup.ggml : NULL, &err) == GW_OK;
	if (w->setup.index)
		return loaded ? gw_index_run(&w->setup) : EXIT_FAILURE;
	if (!loaded || prepare(w, &err) || lock_in(w, &err)) {
		tell(GW_CONTROL_FAILED, &err);
		return EXIT_FAILURE;
	}
	int rc = EXIT_FAILURE;
	if ((!w->setup.probe || !report(w)) && !tell(GW_CONTROL_READY, NULL))
		rc = w->setup.probe ? EXIT_SUCCESS : loop(w);
	gw_server_free(w->server);
	return rc;
}

int gw_worker_main(void)
{
	/* The kernel's promise that no worker outlives its supervisor. If that died before this line, the control
	 * socket says so. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	/* A limit on files' sizes is a full disk to the cache, and no reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	/* Ctrl-C reaches the whole process group; the supervisor ends its workers itself. */
	signal(SIGINT, SIG_IGN);
	struct worker *w = calloc(1, sizeof(*w));
	if (!w)
		return EXIT_FAILURE;
	int rc = run(w);
	gw_scoreboard_free(w->board);
	free(w);
	return rc;
}
