/* The options of `ggwire serve`, from its command line and its configuration file. */
#ifndef GW_DAEMON_CONFIG_OPTIONS_H
#define GW_DAEMON_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/status.h"
#include "daemon/clients/allow.h"
#include "daemon/config/option_values.h"
#include "daemon/processes/control.h"
#include "daemon/sandbox/policy.h"
#include "daemon/sandbox/sandbox.h"
#include "transport/list/endpoint.h"
#include "transport/mode.h"
#include "wire/dialect.h"

#define GW_SERVE_MAX_LISTEN 16
#define GW_SERVE_MAX_THREADS 512
#define GW_SERVE_MAX_CLIENTS 4096
#define GW_SERVE_CONFIG "/etc/ggwire.conf" /* read where --config names no other */

struct gw_serve_listen {
	struct gw_endpoint ep;
	struct gw_option_terms said; /* no dialect: that of the running ggml; no TLS: that of the options */
	enum gw_tls_mode tls;        /* in force */
};

struct gw_serve_options {
	bool help; /* nothing else counts */
	unsigned n_threads;
	unsigned max_clients;
	unsigned max_per_host; /* at least 1 */
	bool cache;
	bool has_http;
	struct gw_endpoint http; /* where the status page is */
	enum gw_log_format log_format;
	bool log_time; /* log_format says so, too */
	bool has_log_level;
	enum gw_log_level log_level;
	enum gw_sandbox_mode sandbox;
	enum gw_transport_mode transport;
	uint64_t cache_size; /* bytes of disk that the cache may take; 0 = no bound */
	bool cache_shared;   /* by all clients */
	bool announce;       /* the server, on the network */
	bool no_peers;       /* workers are connected to no other server */
	uint64_t max_memory; /* bytes that a client may have; 0 = what the devices have */
	struct gw_allow allow;
	bool has_tls; /* --tls was given */
	enum gw_tls_mode tls;
	bool uses_tls;             /* an endpoint does */
	char tls_psk[GW_TLS_PATH]; /* the key file; "" = none */
	bool rdma_plaintext;
	char http_token_file[GW_TLS_PATH];    /* "" = none */
	char models[GW_CONTROL_MODELS];       /* as in the setup */
	char devices[GW_CONTROL_DEVICES];     /* as given, or "" */
	char environment[GW_CONTROL_DEVICES]; /* as in the setup */
	char ggml[GW_CONTROL_PATH];           /* directory of ggml's libraries, or "" */
	struct gw_serve_listen listen[GW_SERVE_MAX_LISTEN];
	size_t n_listen;     /* at least 1 */
	bool default_listen; /* nobody said where to listen */
};

/* Reads the configuration file, and the command line, whose options go before those of the file; argv[0] is skipped.
 * Errors are one line that names the option, or the file and the line. Uses getopt's globals. */
enum gw_status gw_serve_options_parse(int argc, char **argv, struct gw_serve_options *out, struct gw_error *err);

/* Prints what --help prints; program is the name to show ("ggwire serve"). */
void gw_serve_options_help(FILE *to, const char *program);

#endif
