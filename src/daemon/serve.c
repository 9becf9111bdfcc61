#include "daemon/serve.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/activation.h"
#include "daemon/announce/announcer.h"
#include "daemon/clients/key_ring.h"
#include "daemon/config/cache_dir.h"
#include "daemon/config/http_token.h"
#include "daemon/config/options.h"
#include "daemon/invitation.h"
#include "daemon/notify.h"
#include "daemon/processes/control.h"
#include "daemon/status/http.h"
#include "daemon/status/scoreboard.h"
#include "daemon/supervisor.h"
#include "daemon/workers/pool.h"
#include "daemon/workers/probe.h"
#include "device/banner.h"
#include "device/server.h"
#include "ggml/bind.h"
#include "ggml/numbers.h"
#include "transport/list/transports.h"
#include "version.h"

#define EXIT_USAGE 2

/* Workers that have no client, or whose end has not come yet; one without a slot only is not seen. */
#define SPARE_SLOTS (GW_POOL_SPARES_MAX + 48)

/* An endpoint, and where it is not the usual one the protocol. */
typedef char endpoint_text[GW_ENDPOINT_MAX + 48];

/* The endpoints that are open: those that were asked for, and those that a service manager gave. */
struct names {
	endpoint_text text[2 * GW_SERVE_MAX_LISTEN];
	struct gw_endpoint bound[2 * GW_SERVE_MAX_LISTEN];
	struct gw_terms terms[2 * GW_SERVE_MAX_LISTEN];
	size_t n;
};

static int complain(const char *program, const struct gw_error *err, int exit_status)
{
	fprintf(stderr, "%s: %s\n", program, err->text);
	return exit_status;
}

static void warn_open(const char *endpoint, enum gw_tls_mode tls)
{
	static const char frame[] = "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!";
	if (tls == GW_TLS_REQUIRE)
		return;
	gw_log_warn("%s", "");
	gw_log_warn("%s", frame);
	gw_log_warn("WARNING: '%s' can be reached from other machines", endpoint);
	if (tls == GW_TLS_ON) {
		gw_log_warn("         Clients without a key are served there, and not encrypted.");
		gw_log_warn("         --tls require refuses them.");
	} else {
		gw_log_warn("         Never expose the RPC server to an open network!");
		gw_log_warn("         There is no encryption and no authentication: see --tls and ggwire key.");
	}
	gw_log_warn("%s", frame);
	gw_log_warn("%s", "");
}

static void mark(endpoint_text name, const struct gw_terms *terms)
{
	static const char *const tls[] = {
		[GW_TLS_OFF] = "",
		[GW_TLS_ON] = " (TLS)",
		[GW_TLS_REQUIRE] = " (TLS required)",
	};
	const struct gw_version *v = &terms->dialect->version;
	size_t len = strlen(name);
	if (terms->dialect != gw_server_dialect())
		snprintf(name + len, sizeof(endpoint_text) - len, " (protocol %u.%u.%u)", v->major, v->minor, v->patch);
	len = strlen(name);
	snprintf(name + len, sizeof(endpoint_text) - len, "%s", tls[terms->tls]);
}

/* Notes an endpoint that is open now. */
static void add_name(struct names *names, const struct gw_endpoint *bound, const struct gw_terms *terms)
{
	char *name = names->text[names->n];
	names->terms[names->n] = *terms;
	names->bound[names->n++] = *bound;
	gw_endpoint_format(bound, name, sizeof(endpoint_text));
	if (!gw_endpoint_is_local(bound))
		warn_open(name, terms->tls);
	mark(name, terms);
}

static enum gw_status listen_all(
	struct gw_supervisor *s, const struct gw_serve_options *o, struct names *names, struct gw_error *err)
{
	for (size_t i = 0; i < o->n_listen; i++) {
		const struct gw_serve_listen *l = &o->listen[i];
		const struct gw_dialect *said = l->said.dialect;
		const struct gw_terms terms = {said ? said : gw_server_dialect(), l->tls};
		struct gw_endpoint bound;
		enum gw_status status = gw_supervisor_listen(s, &l->ep, &terms, &bound, err);
		if (status)
			return status;
		add_name(names, &bound, &terms);
	}
	return GW_OK;
}

/* The service manager's sockets, which are served in place of the default endpoint. */
static enum gw_status adopt_all(
	struct gw_supervisor *s, struct gw_serve_options *o, struct names *names, struct gw_error *err)
{
	struct gw_activation given[GW_SERVE_MAX_LISTEN];
	size_t n;
	enum gw_status status = gw_activation_take(given, GW_SERVE_MAX_LISTEN, &n, err);
	if (status)
		return status;
	for (size_t i = 0; i < n; i++) {
		bool exempt = given[i].ep.kind->has_file && o->tls == GW_TLS_REQUIRE;
		const struct gw_terms terms = {gw_server_dialect(), exempt ? GW_TLS_ON : o->tls};
		status = gw_supervisor_adopt(s, given[i].fd, &given[i].ep, &terms, err);
		if (status)
			return status;
		add_name(names, &given[i].ep, &terms);
	}
	if (n > 0 && o->default_listen)
		o->n_listen = 0;
	return GW_OK;
}

/* Reports options that have no effect. */
static void check_environment(const char *names)
{
	for (size_t n; *names; names += n + (names[n] == ',')) {
		char name[GW_CONTROL_TEXT];
		n = strcspn(names, ",");
		if ((size_t)snprintf(name, sizeof(name), "%.*s", (int)n, names) < sizeof(name) && !getenv(name))
			gw_log_warn("--worker-env: %s is not set in the server's environment", name);
	}
}

static enum gw_status prepare(const struct gw_serve_options *o, struct gw_control_setup *setup, struct gw_error *err)
{
	*setup = (struct gw_control_setup){
		.has_log_level = o->has_log_level,
		.log_level = o->log_level,
		.log_format = o->log_format,
		.n_threads = o->n_threads,
		.sandbox = o->sandbox,
		.transport = o->transport,
		.tls = o->uses_tls,
		.rdma_plaintext = o->rdma_plaintext,
		.max_memory = o->max_memory,
		.cache_size = o->cache_size,
		.cache_shared = o->cache_shared,
		.no_peers = o->no_peers,
	};
	snprintf(setup->ggml, sizeof(setup->ggml), "%s", o->ggml);
	snprintf(setup->devices, sizeof(setup->devices), "%s", o->devices);
	memcpy(setup->models, o->models, sizeof(setup->models));
	memcpy(setup->environment, o->environment, sizeof(setup->environment));
	check_environment(o->environment);
	enum gw_status status = GW_OK;
	if (o->cache)
		status = gw_cache_dir_make(setup->cache_dir, sizeof(setup->cache_dir), err);
	if (!status && o->models[0])
		status = gw_index_dir_make(setup->index_dir, sizeof(setup->index_dir), err);
	return status;
}

static void join(const struct names *names, char *out, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < names->n && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", names->text[i]);
}

/* The machine's own lines once, for the first endpoint that other machines reach. */
static void invite(const struct names *names)
{
	size_t i = 0;
	for (size_t k = 0; k < names->n; k++)
		gw_invitation_log(&names->bound[k]);
	while (i < names->n && gw_endpoint_is_local(&names->bound[i]))
		i++;
	if (i < names->n)
		gw_invitation_log_firewall(&names->bound[i]);
}

/* Whether all endpoints are Unix sockets, over which nothing is negotiated. */
static bool are_files(const struct names *names)
{
	size_t i = 0;
	while (i < names->n && names->bound[i].kind->has_file)
		i++;
	return names->n > 0 && i == names->n;
}

/* In place of the banner, which is for people. */
static void log_start(const char *endpoints, const struct gw_probe *probe)
{
	const struct gw_log_fields fields = {.endpoint = endpoints};
	gw_log_event(GW_LOG_INFO, &fields, "ggwire %s serves %zu device%s on %s", GGWIRE_VERSION, probe->n_devices,
		probe->n_devices == 1 ? "" : "s", endpoints);
}

static enum gw_status log_banner(const struct gw_serve_options *o, const struct names *names,
	const struct gw_control_setup *setup, const struct gw_probe *probe, struct gw_error *err)
{
	struct gw_banner_device *devices = calloc(probe->n_devices, sizeof(*devices));
	if (!devices)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < probe->n_devices; i++) {
		const struct gw_control_device *d = &probe->devices[i];
		devices[i] = (struct gw_banner_device){d->name, d->description, d->total, d->free};
	}
	char endpoints[sizeof(names->text) + 2 * sizeof(names->text) / sizeof(names->text[0])];
	join(names, endpoints, sizeof(endpoints));
	if (o->log_format == GW_LOG_JSON) {
		free(devices);
		log_start(endpoints, probe);
		return GW_OK;
	}
	gw_banner_print(
		&(struct gw_banner){
			.version = gw_server_dialect()->version,
			.endpoint = endpoints,
			.cache_dir = setup->cache_dir[0] ? setup->cache_dir : NULL,
			.transport = are_files(names) ? "Unix socket" : gw_transport_mode_text(o->transport),
			.devices = devices,
			.n_devices = probe->n_devices,
		},
		gw_banner_log, NULL);
	free(devices);
	invite(names);
	return GW_OK;
}

/* Adds a device's library to those that workers load; if there is no room for it, they look for all themselves. */
static bool add_library(const char *library, char *libraries, size_t size)
{
	size_t used = strlen(libraries), len = strlen(library);
	for (const char *at = libraries; len > 0 && (at = strstr(at, library)); at += len)
		if ((at == libraries || at[-1] == '\n') && at[len] == '\n')
			return true;
	return len > 0 && (size_t)snprintf(libraries + used, size - used, "%s\n", library) < size - used;
}

/* What the probe has found out for workers to come. */
static void learn(const struct gw_probe *probe, struct gw_control_setup *setup, bool *has_drivers)
{
	bool known = true;
	for (size_t i = 0; i < probe->n_devices; i++) {
		known = known && add_library(probe->devices[i].library, setup->libraries, sizeof(setup->libraries));
		*has_drivers |= probe->devices[i].has_driver != 0;
	}
	if (!known)
		setup->libraries[0] = '\0';
}

static void set_place(struct gw_scoreboard *board, const struct names *names)
{
	char host[HOST_NAME_MAX + 1] = "",
				  endpoints[sizeof(names->text) + 2 * sizeof(names->text) / sizeof(names->text[0])];
	gethostname(host, sizeof(host) - 1);
	join(names, endpoints, sizeof(endpoints));
	gw_scoreboard_set_place(board, host, endpoints);
}

/* Looks for devices and says so. */
static enum gw_status introduce(struct gw_supervisor *s, const struct gw_serve_options *o, const struct names *names,
	struct gw_control_setup *setup, struct gw_scoreboard *board, bool *has_drivers, struct gw_error *err)
{
	struct gw_control_setup ask = *setup;
	struct gw_probe probe;
	ask.probe = true;
	enum gw_status status = gw_probe_run(&ask, gw_supervisor_interrupt(s), &probe, err);
	if (status)
		return status;
	status = log_banner(o, names, setup, &probe, err);
	gw_scoreboard_set_protocol(board, gw_server_dialect()->version);
	set_place(board, names);
	for (size_t i = 0; i < probe.n_devices; i++) {
		const struct gw_control_device *d = &probe.devices[i];
		gw_scoreboard_add_device(board, d->name, d->description, d->total, d->free);
	}
	learn(&probe, setup, has_drivers);
	gw_probe_free(&probe);
	return status;
}

static enum gw_status open_http(struct gw_supervisor *s, const struct gw_serve_options *o,
	const struct gw_control_setup *setup, struct gw_scoreboard *board, struct gw_http **http, struct gw_error *err)
{
	char name[GW_ENDPOINT_MAX + 16], token[GW_CONTROL_TOKEN] = "";
	struct gw_endpoint bound;
	enum gw_status status = o->http_token_file[0] ? gw_http_token_load(o->http_token_file, token, err) : GW_OK;
	if (!status)
		status = gw_http_new(
			&o->http, setup, &o->allow, token, board, gw_supervisor_interrupt(s), &bound, http, err);
	explicit_bzero(token, sizeof(token));
	if (status)
		return status;
	gw_endpoint_format(&bound, name, sizeof(name));
	gw_log_info("status page: http://%s/", name);
	if (!gw_endpoint_is_local(&bound) && !o->http_token_file[0])
		gw_log_warn("anyone who reaches %s can see who uses this server; see --http-token-file", name);
	return GW_OK;
}

/* What is announced of the server. False if there is nothing that other machines can reach. */
static bool publish(const struct gw_serve_options *o, const struct names *names, struct gw_scoreboard *board,
	struct gw_publication *p)
{
	struct gw_ext_status status;
	*p = (struct gw_publication){.rdma = o->transport != GW_TRANSPORT_TCP && access("/dev/infiniband", F_OK) == 0};
	for (size_t i = 0; i < names->n; i++)
		gw_announcement_add(p, &names->bound[i], &names->terms[i]);
	if (!gw_scoreboard_read(board, &status)) {
		p->devices = status.n_devices;
		for (uint32_t i = 0; i < status.n_devices; i++)
			p->memory += status.devices[i].free;
		gw_ext_status_free(&status);
	}
	return p->n > 0;
}

static enum gw_status announce(const struct gw_serve_options *o, const struct names *names,
	const struct gw_control_setup *setup, struct gw_scoreboard *board, struct gw_announcer **out,
	struct gw_error *err)
{
	struct gw_publication p;
	*out = NULL;
	if (!o->announce)
		return GW_OK;
	if (gw_publish_check(err))
		return gw_error_prefix(err, "--announce");
	if (publish(o, names, board, &p))
		return gw_announcer_new(&p, setup, out, err);
	gw_log_warn("--announce: no endpoint can be reached from other machines, and nothing is announced; see --host");
	return GW_OK;
}

/* The clients' keys, if an endpoint uses TLS. */
static enum gw_status open_keys(const struct gw_serve_options *o, struct gw_key_ring **out, struct gw_error *err)
{
	*out = NULL;
	if (!o->uses_tls)
		return GW_OK;
	enum gw_status status = gw_key_ring_open(o->tls_psk, out, err);
	if (status == GW_ERR_NOT_FOUND)
		return gw_error_prefix(err, "there are no keys; make one with ggwire key -f %s add NAME", o->tls_psk);
	if (!status)
		gw_log_info("TLS: %zu key%s in %s", gw_key_ring_count(*out), gw_key_ring_count(*out) == 1 ? "" : "s",
			o->tls_psk);
	return status;
}

static int run(const char *program, struct gw_serve_options *o)
{
	struct gw_error err;
	struct gw_control_setup setup;
	struct gw_supervisor *s;
	struct gw_scoreboard *board;
	struct gw_http *http = NULL;
	struct gw_announcer *announcer = NULL;
	struct gw_key_ring *keys = NULL;
	struct names names = {.n = 0};
	bool has_drivers = false;
	gw_notify_take();
	if (prepare(o, &setup, &err) || open_keys(o, &keys, &err) || gw_supervisor_new(&s, &err))
		return complain(program, &err, EXIT_FAILURE);
	enum gw_status status = gw_scoreboard_new(o->max_clients + SPARE_SLOTS, o->max_clients, &board, &err);
	if (status) {
		gw_supervisor_free(s);
		return complain(program, &err, EXIT_FAILURE);
	}
	status = adopt_all(s, o, &names, &err);
	if (!status)
		status = listen_all(s, o, &names, &err);
	if (!status && o->has_http)
		status = open_http(s, o, &setup, board, &http, &err);
	if (!status)
		status = introduce(s, o, &names, &setup, board, &has_drivers, &err);
	if (!status)
		status = announce(o, &names, &setup, board, &announcer, &err);
	const struct gw_supervisor_options run_with = {
		.setup = &setup,
		.max_clients = o->max_clients,
		.max_per_host = o->max_per_host,
		.has_drivers = has_drivers,
		.allow = &o->allow,
		.keys = keys,
		.board = board,
		.http = http,
		.announcer = announcer,
	};
	int rc;
	if (!status)
		rc = gw_supervisor_run(s, &run_with);
	else if (status == GW_ERR_CLOSED)
		rc = EXIT_SUCCESS;
	else
		rc = complain(program, &err, status == GW_ERR_NOT_FOUND && o->devices[0] ? EXIT_USAGE : EXIT_FAILURE);
	gw_supervisor_free(s);
	gw_http_free(http);
	gw_announcer_free(announcer);
	gw_scoreboard_free(board);
	gw_key_ring_free(keys);
	return rc;
}

int gw_serve_main(const char *program, int argc, char **argv)
{
	struct gw_serve_options options;
	struct gw_error err;
	if (gw_serve_options_parse(argc, argv, &options, &err))
		return complain(program, &err, EXIT_USAGE);
	if (options.help) {
		gw_serve_options_help(stdout, program);
		return EXIT_SUCCESS;
	}
	gw_log_set_format(options.log_format);
	if (options.has_log_level)
		gw_log_set_level(options.log_level);
	if (gw_ggml_load(options.ggml[0] ? options.ggml : NULL, &err) || !gw_numbers_get(&err))
		return complain(program, &err, options.ggml[0] ? EXIT_USAGE : EXIT_FAILURE);
	return run(program, &options);
}
