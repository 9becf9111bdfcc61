/* The command line of `ggwire serve`. */
#ifndef GW_CLI_OPTIONS_H
#define GW_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/status.h"
#include "cli/allow.h"
#include "cli/control.h"
#include "cli/sandbox.h"
#include "transport/endpoint.h"
#include "transport/mode.h"
#include "wire/dialect.h"

#define GW_SERVE_MAX_LISTEN 16
#define GW_SERVE_MAX_THREADS 512
#define GW_SERVE_MAX_CLIENTS 4096

struct gw_serve_listen {
	struct gw_endpoint ep;
	const struct gw_dialect *dialect; /* NULL = that of the running ggml */
};

struct gw_serve_options {
	bool help; /* nothing else counts */
	unsigned n_threads;
	unsigned max_clients;
	bool cache;
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_sandbox_mode sandbox;
	enum gw_transport_mode transport;
	uint64_t cache_size; /* bytes of the cache's files; 0 = no bound */
	uint64_t max_memory; /* bytes that a client may have; 0 = what the devices have */
	struct gw_allow allow;
	char models[GW_CONTROL_MODELS]; /* as in the setup */
	const char *devices;            /* as given, or ""; points into argv */
	struct gw_serve_listen listen[GW_SERVE_MAX_LISTEN];
	size_t n_listen; /* at least 1 */
};

/* Reads the options; argv[0] is skipped. GW_ERR_INVALID: the error is one line that names the option. Uses getopt's
 * globals. */
enum gw_status gw_serve_options_parse(int argc, char **argv, struct gw_serve_options *out, struct gw_error *err);

/* Prints what --help prints; program is the name to show ("ggwire serve"). */
void gw_serve_options_help(FILE *to, const char *program);

#endif
