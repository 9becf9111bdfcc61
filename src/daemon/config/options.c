/* One table says which options there are: for the command line, for the configuration file, and for --help. */
#include "daemon/config/options.h"

#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "daemon/config/config.h"
#include "daemon/config/option_values.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_CLIENTS 64
/* A stock client has several connections while it loads a model. */
#define LEAST_PER_HOST 8
#define CACHE_SIZE_MIN ((uint64_t)2 << 20)
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

struct parse;

/* Puts an option's value into p->o. text is NULL for an option without one on the command line. */
typedef enum gw_status set_option(struct parse *p, const char *text, struct gw_error *err);

struct row {
	const char *name;
	char letter;
	const char *value; /* its name in the help; NULL: the option takes none, and in a file yes or no */
	bool repeats;
	bool line_only; /* not in a file */
	set_option *set;
	const char *help;
};

static set_option set_help, set_config, set_threads, set_devices, set_host, set_port, set_cache, set_cache_size,
	set_cache_shared, add_model, add_listen, set_max_clients, set_max_per_host, set_max_memory, add_allowed,
	add_allowed_status, set_announce, set_no_peers, set_sandbox, add_environment, set_transport, set_tls,
	set_tls_psk, set_rdma_plaintext, set_http, set_http_token_file, set_log_level, set_log_format, set_log_time,
	set_ggml;

static const struct row rows[] = {
	{"help", 'h', NULL, false, true, set_help, "show this help and exit"},
	{"config", 0, "FILE", false, true, set_config,
		"read options from this file (default: " GW_SERVE_CONFIG ",\n"
		"if there is one); command-line options override it"},
	{"threads", 't', "N", false, false, set_threads, "threads of the CPU device (default: half of the cores)"},
	{"device", 'd', "NAME,...", false, false, set_devices,
		"devices to lend (default: all except the CPU, or the CPU alone)"},
	{"ggml", 0, "DIR", false, false, set_ggml,
		"directory of ggml's libraries and backends (default: that of this\n"
		"program, its ../lib, or the system's)"},
	{"host", 'H', "HOST", false, false, set_host, "address to listen on (default: " DEFAULT_HOST ")"},
	{"port", 'p', "PORT", false, false, set_port,
		"port to listen on, 0 = any free one (default: " TEXT(GW_DEFAULT_PORT) ")"},
	{"cache", 'c', NULL, false, false, set_cache, "keep large weights in a cache on disk"},
	{"cache-size", 0, "SIZE", false, false, set_cache_size,
		"the same, limited to this many bytes on disk; the least recently used\n"
		"entries are removed first"},
	{"cache-shared", 0, NULL, false, false, set_cache_shared,
		"the same, with one cache for all clients, which must trust each other\n"
		"(default: a client gets back what came from its own address)"},
	{"model", 0, "PATH", true, false, add_model,
		"a GGUF file, or a directory of them: the server reads these weights from\n"
		"its disk, and clients need not send them; can be repeated"},
	{"listen", 0, "ENDPOINT", true, false, add_listen,
		"HOST:PORT, [IPV6]:PORT or unix:PATH; can be repeated; replaces the\n"
		"default of -H and -p. ENDPOINT,proto=VERSION serves clients of that\n"
		"protocol version there, from 4.0.0 on; ENDPOINT,tls=MODE overrides\n"
		"the mode of --tls there"},
	{"max-clients", 0, "N", false, false, set_max_clients,
		"number of clients served at once (default: " TEXT(DEFAULT_CLIENTS) ")"},
	{"max-clients-per-host", 0, "N", false, false, set_max_per_host,
		"how many of these can be from one address or, through Unix sockets,\n"
		"from one user (default: a quarter, but at least " TEXT(LEAST_PER_HOST) ")"},
	{"max-memory", 0, "SIZE", false, false, set_max_memory,
		"memory limit of one client, for buffers, graphs and scratch memory: bytes,\n"
		"or a number with K, M, G or T (default: what the devices have); all\n"
		"connections of one key are one client"},
	{"allow", 0, "CIDR,...", true, false, add_allowed,
		"networks whose machines can connect, such as 192.0.2.0/24 or\n"
		"2001:db8::/32, and id:NAME for clients with the key of that name, from\n"
		"anywhere; can be repeated (default: all; Unix sockets always can)"},
	{"allow-status", 0, "CIDR,...", true, false, add_allowed_status,
		"networks that --allow does not name and whose machines can still query the\n"
		"server (ggwire status, top, devices, and --http); can be repeated"},
	{"announce", 0, NULL, false, false, set_announce,
		"announce the server on the network, so that ggwire discover finds it"},
	{"no-peers", 0, NULL, false, false, set_no_peers,
		"do not connect to other servers, and do not let them connect: two servers\n"
		"that share a model's layers (-sm tensor) then add up through the client"},
	{"sandbox", 0, "MODE", false, false, set_sandbox,
		"how to restrict workers: auto (default): as far as the kernel can enforce;\n"
		"require: completely, or do not start; off"},
	{"worker-env", 0, "NAME,...", true, false, add_environment,
		"environment variables to pass to workers, in addition to those of ggml,\n"
		"drivers and the C library; can be repeated"},
	{"transport", 0, "MODE", false, false, set_transport,
		"auto (default): RDMA if both ends have it, otherwise TCP; tcp: never\n"
		"RDMA; rdma: refuse clients that would stay on TCP"},
	{"tls", 0, "MODE", false, false, set_tls,
		"on: clients can use TLS with a key; require: they must, except on Unix\n"
		"sockets; off (default: on with --tls-psk, otherwise off)"},
	{"tls-psk", 0, "FILE", false, false, set_tls_psk, "the clients' keys (default: the file that ggwire key uses)"},
	{"rdma-plaintext", 0, NULL, false, false, set_rdma_plaintext,
		"let clients with TLS switch to RDMA, which is not encrypted"},
	{"http", 0, "[HOST:]PORT", false, false, set_http,
		"show what the server is doing over HTTP: a page, /status.json,\n"
		"/history.json and /metrics; without HOST for this machine only (default: off)"},
	{"http-token-file", 0, "FILE", false, false, set_http_token_file,
		"require the token in this file for HTTP requests from other machines:\n"
		"Authorization: Bearer TOKEN"},
	{"log-level", 0, "LEVEL", false, false, set_log_level, "error, warn, info or debug (default: info)"},
	{"log-format", 0, "FORMAT", false, false, set_log_format,
		"text (default), or json: one object per line, with time and level"},
	{"log-time", 0, NULL, false, false, set_log_time, "begin each line of text with the time (UTC)"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* What was given so far; host and port become an endpoint at the end. */
struct parse {
	struct gw_serve_options o;
	const char *config; /* from the command line, or NULL */
	char host[GW_ENDPOINT_MAX];
	unsigned port;
	bool on_line[N_ROWS];
	bool in_file[N_ROWS];
};

static enum gw_status set_help(struct parse *p, const char *text, struct gw_error *err)
{
	(void)text;
	(void)err;
	p->o.help = true;
	return GW_OK;
}

static enum gw_status set_config(struct parse *p, const char *text, struct gw_error *err)
{
	(void)err;
	p->config = text;
	return GW_OK;
}

static enum gw_status set_threads(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_number(text, 1, GW_SERVE_MAX_THREADS, &p->o.n_threads, err);
}

static enum gw_status set_devices(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_names(text, p->o.devices, sizeof(p->o.devices), err);
}

static enum gw_status set_ggml(struct parse *p, const char *text, struct gw_error *err)
{
	if (!text[0] || (size_t)snprintf(p->o.ggml, sizeof(p->o.ggml), "%s", text) >= sizeof(p->o.ggml))
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not a directory's path", text);
	return GW_OK;
}

/* Brackets around a bare IPv6 address, and the port behind it. */
static enum gw_status parse_host(const char *host, unsigned port, struct gw_endpoint *ep, struct gw_error *err)
{
	bool bare_ipv6 = host[0] != '[' && strchr(host, ':');
	char text[GW_ENDPOINT_MAX];
	int n = snprintf(text, sizeof(text), bare_ipv6 ? "[%s]:%u" : "%s:%u", host, port);
	if (n >= (int)sizeof(text))
		return gw_error_set(err, GW_ERR_INVALID, "longer than a host's name can be");
	return gw_endpoint_parse(text, true, ep, err);
}

static enum gw_status set_host(struct parse *p, const char *text, struct gw_error *err)
{
	struct gw_endpoint ep;
	enum gw_status status = parse_host(text, UINT16_MAX, &ep, err);
	if (!status)
		snprintf(p->host, sizeof(p->host), "%s", text);
	return status;
}

static enum gw_status set_port(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_number(text, 0, UINT16_MAX, &p->port, err);
}

/* An option that takes no value on the command line, and yes or no in a file. */
static enum gw_status set_switch(const char *text, bool *out, struct gw_error *err)
{
	static const char *const words[] = {"no", "yes"};
	unsigned yes = 1;
	enum gw_status status = text ? gw_option_choice(text, words, 2, &yes, err) : GW_OK;
	if (!status)
		*out = yes;
	return status;
}

static enum gw_status set_cache(struct parse *p, const char *text, struct gw_error *err)
{
	return set_switch(text, &p->o.cache, err);
}

static enum gw_status set_cache_shared(struct parse *p, const char *text, struct gw_error *err)
{
	enum gw_status status = set_switch(text, &p->o.cache_shared, err);
	p->o.cache |= p->o.cache_shared;
	return status;
}

static enum gw_status set_cache_size(struct parse *p, const char *text, struct gw_error *err)
{
	enum gw_status status = gw_option_bytes(text, &p->o.cache_size, err);
	if (!status && p->o.cache_size < CACHE_SIZE_MIN)
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is too small for any weights: at least 2M", text);
	p->o.cache = true;
	return status;
}

static enum gw_status add_model(struct parse *p, const char *text, struct gw_error *err)
{
	char *models = p->o.models;
	size_t used = strlen(models), left = sizeof(p->o.models) - used;
	if (!text[0] || strchr(text, '\n'))
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not the path of a file or directory", text);
	if ((size_t)snprintf(models + used, left, "%s\n", text) >= left)
		return gw_error_set(
			err, GW_ERR_LIMIT, "all paths together are longer than %zu bytes", sizeof(p->o.models) - 1);
	return GW_OK;
}

static enum gw_status add_listen(struct parse *p, const char *text, struct gw_error *err)
{
	struct gw_serve_options *o = &p->o;
	if (o->n_listen == GW_SERVE_MAX_LISTEN)
		return gw_error_set(err, GW_ERR_LIMIT, "more than %d endpoints", GW_SERVE_MAX_LISTEN);
	struct gw_serve_listen *l = &o->listen[o->n_listen];
	enum gw_status status = gw_option_listen(text, &l->ep, &l->said, err);
	if (!status)
		o->n_listen++;
	return status;
}

static enum gw_status set_max_clients(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_number(text, 1, GW_SERVE_MAX_CLIENTS, &p->o.max_clients, err);
}

static enum gw_status set_max_per_host(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_number(text, 1, GW_SERVE_MAX_CLIENTS, &p->o.max_per_host, err);
}

static enum gw_status set_max_memory(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_bytes(text, &p->o.max_memory, err);
}

static enum gw_status add_allowed(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_allow_parse(&p->o.allow, text, err);
}

static enum gw_status add_allowed_status(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_allow_parse_status(&p->o.allow, text, err);
}

static enum gw_status set_announce(struct parse *p, const char *text, struct gw_error *err)
{
	return set_switch(text, &p->o.announce, err);
}

static enum gw_status set_no_peers(struct parse *p, const char *text, struct gw_error *err)
{
	return set_switch(text, &p->o.no_peers, err);
}

static enum gw_status set_sandbox(struct parse *p, const char *text, struct gw_error *err)
{
	static const char *const words[] = {
		[GW_SANDBOX_AUTO] = "auto",
		[GW_SANDBOX_REQUIRE] = "require",
		[GW_SANDBOX_OFF] = "off",
	};
	unsigned chosen;
	enum gw_status status = gw_option_choice(text, words, sizeof(words) / sizeof(words[0]), &chosen, err);
	if (!status)
		p->o.sandbox = (enum gw_sandbox_mode)chosen;
	return status;
}

static enum gw_status add_environment(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_variables(text, p->o.environment, sizeof(p->o.environment), err);
}

static enum gw_status set_transport(struct parse *p, const char *text, struct gw_error *err)
{
	if (gw_transport_mode_parse(text, &p->o.transport))
		return GW_OK;
	return gw_error_set(err, GW_ERR_INVALID, "'%s' is not auto, tcp or rdma", text);
}

static enum gw_status set_tls(struct parse *p, const char *text, struct gw_error *err)
{
	p->o.has_tls = true;
	return gw_option_tls(text, &p->o.tls, err);
}

static enum gw_status set_tls_psk(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_path(text, p->o.tls_psk, sizeof(p->o.tls_psk), err);
}

static enum gw_status set_rdma_plaintext(struct parse *p, const char *text, struct gw_error *err)
{
	return set_switch(text, &p->o.rdma_plaintext, err);
}

static enum gw_status set_http_token_file(struct parse *p, const char *text, struct gw_error *err)
{
	return gw_option_path(text, p->o.http_token_file, sizeof(p->o.http_token_file), err);
}

static enum gw_status set_log_level(struct parse *p, const char *text, struct gw_error *err)
{
	static const char *const words[] = {
		[GW_LOG_ERROR] = "error",
		[GW_LOG_WARN] = "warn",
		[GW_LOG_INFO] = "info",
		[GW_LOG_DEBUG] = "debug",
	};
	unsigned chosen;
	enum gw_status status = gw_option_choice(text, words, sizeof(words) / sizeof(words[0]), &chosen, err);
	if (status)
		return status;
	p->o.has_log_level = true;
	p->o.log_level = (enum gw_log_level)chosen;
	return GW_OK;
}

static enum gw_status set_http(struct parse *p, const char *text, struct gw_error *err)
{
	char endpoint[GW_ENDPOINT_MAX];
	bool port_only = text[0] && strspn(text, "0123456789") == strlen(text);
	const char *bracket = strrchr(text, ']');
	if (!port_only && !strchr(bracket ? bracket : text, ':'))
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not [HOST:]PORT", text);
	int n = snprintf(endpoint, sizeof(endpoint), "%s%s", port_only ? DEFAULT_HOST ":" : "", text);
	if (n >= (int)sizeof(endpoint))
		return gw_error_set(err, GW_ERR_INVALID, "longer than an endpoint can be");
	if (gw_endpoint_parse(endpoint, true, &p->o.http, err))
		return err->status;
	if (p->o.http.kind->prefix[0])
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not [HOST:]PORT", text);
	p->o.has_http = true;
	return GW_OK;
}

static enum gw_status set_log_format(struct parse *p, const char *text, struct gw_error *err)
{
	static const char *const words[] = {[GW_LOG_TEXT] = "text", [GW_LOG_JSON] = "json"};
	unsigned chosen;
	enum gw_status status = gw_option_choice(text, words, sizeof(words) / sizeof(words[0]), &chosen, err);
	if (!status)
		p->o.log_format = (enum gw_log_format)chosen;
	return status;
}

static enum gw_status set_log_time(struct parse *p, const char *text, struct gw_error *err)
{
	return set_switch(text, &p->o.log_time, err);
}

/* Whether the option that set puts in force is on the command line. */
static bool is_on_line(const struct parse *p, set_option *set)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].set == set)
			return p->on_line[i];
	return false;
}

/* Whether the command line takes the place of what a file says. Where to listen is one thing, said by three options. */
static bool is_overruled(const struct parse *p, size_t i)
{
	if (rows[i].set == add_listen && (is_on_line(p, set_host) || is_on_line(p, set_port)))
		return true;
	if ((rows[i].set == set_host || rows[i].set == set_port) && is_on_line(p, add_listen))
		return true;
	return p->on_line[i];
}

/* A gw_config_take. */
static enum gw_status take_from_file(void *user, const char *key, const char *value, struct gw_error *err)
{
	struct parse *p = user;
	size_t i = 0;
	while (i < N_ROWS && strcmp(rows[i].name, key) != 0)
		i++;
	if (i == N_ROWS)
		return gw_error_set(err, GW_ERR_INVALID, "unknown option: %s", key);
	if (rows[i].line_only)
		return gw_error_set(err, GW_ERR_INVALID, "%s: belongs on the command line", key);
	if (p->in_file[i] && !rows[i].repeats)
		return gw_error_set(err, GW_ERR_INVALID, "%s: was given in a line before", key);
	/* What is overruled is looked at all the same, and forgotten: a file is right or wrong whatever else is given.
	 */
	struct parse aside = *p;
	if (rows[i].set(is_overruled(p, i) ? &aside : p, value, err))
		return gw_error_prefix(err, "%s", key);
	p->in_file[i] = true;
	return GW_OK;
}

static enum gw_status read_file(struct parse *p, struct gw_error *err)
{
	enum gw_status status = gw_config_read(p->config ? p->config : GW_SERVE_CONFIG, take_from_file, p, err);
	return status == GW_ERR_NOT_FOUND && !p->config ? GW_OK : status;
}

/* A walk over the command line: it notes what is there, or puts it in force. */
struct walk {
	struct parse *p;
	bool in_force;
};

/* A gw_option_take. */
static enum gw_status take_from_line(void *user, size_t i, const char *value, bool *stop, struct gw_error *err)
{
	struct walk *w = user;
	w->p->on_line[i] = true;
	enum gw_status status = w->in_force || rows[i].line_only ? rows[i].set(w->p, value, err) : GW_OK;
	*stop = w->p->o.help;
	return status;
}

static enum gw_status walk(int argc, char **argv, bool in_force, struct parse *p, struct gw_error *err)
{
	struct gw_option table[N_ROWS];
	struct walk w = {.p = p, .in_force = in_force};
	int first;
	for (size_t i = 0; i < N_ROWS; i++)
		table[i] = (struct gw_option){rows[i].name, rows[i].letter, rows[i].value != NULL};
	enum gw_status status = gw_options_walk(table, N_ROWS, argc, argv, take_from_line, &w, &first, err);
	if (!status && !p->o.help && first < argc)
		return gw_error_set(err, GW_ERR_INVALID, "unexpected argument: %s", argv[first]);
	return status;
}

static bool is_given(const struct parse *p, set_option *set)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].set == set)
			return p->on_line[i] || (p->in_file[i] && !is_overruled(p, i));
	return false;
}

/* What host and port say, as an endpoint, unless --listen has taken their place. */
static enum gw_status add_host_port(struct parse *p, struct gw_error *err)
{
	struct gw_serve_options *o = &p->o;
	bool asked = is_given(p, set_host) || is_given(p, set_port);
	if (o->n_listen > 0 && !asked)
		return GW_OK;
	if (o->n_listen == GW_SERVE_MAX_LISTEN)
		return gw_error_set(err, GW_ERR_LIMIT, "--host: more than %d endpoints", GW_SERVE_MAX_LISTEN);
	o->default_listen = o->n_listen == 0 && !asked;
	o->listen[o->n_listen].said = (struct gw_option_terms){0};
	if (parse_host(p->host, p->port, &o->listen[o->n_listen].ep, err))
		return gw_error_prefix(err, "--host");
	o->n_listen++;
	return GW_OK;
}

/* What the options together say about TLS at each endpoint. */
static enum gw_status settle_tls(struct gw_serve_options *o, struct gw_error *err)
{
	if (!o->has_tls)
		o->tls = o->tls_psk[0] ? GW_TLS_ON : GW_TLS_OFF;
	o->uses_tls = o->tls != GW_TLS_OFF;
	for (size_t i = 0; i < o->n_listen; i++) {
		struct gw_serve_listen *l = &o->listen[i];
		/* Files guard Unix sockets. */
		bool exempt = l->ep.kind->has_file && o->tls == GW_TLS_REQUIRE;
		l->tls = l->said.has_tls ? l->said.tls : exempt ? GW_TLS_ON : o->tls;
		o->uses_tls |= l->tls != GW_TLS_OFF;
	}
	if (!o->uses_tls && o->tls_psk[0])
		return gw_error_set(err, GW_ERR_INVALID, "--tls-psk: no endpoint uses TLS");
	if (!o->uses_tls && o->allow.n_identities > 0)
		return gw_error_set(err, GW_ERR_INVALID, "--allow: id: is for clients with keys; see --tls-psk");
	if (o->http_token_file[0] && !o->has_http)
		return gw_error_set(err, GW_ERR_INVALID, "--http-token-file: is for --http");
	if (o->uses_tls && !o->tls_psk[0] && gw_tls_server_file(o->tls_psk, sizeof(o->tls_psk), err))
		return gw_error_prefix(err, "--tls-psk");
	return GW_OK;
}

static enum gw_status check_allow(const struct gw_allow *allow, struct gw_error *err)
{
	if (allow->status.n > 0 && allow->networks.n == 0 && allow->n_identities == 0)
		return gw_error_set(
			err, GW_ERR_INVALID, "--allow-status: has no effect without --allow: every address is served");
	return GW_OK;
}

static unsigned default_threads(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN) / 2;
	return cores < 1 ? 1 : cores > GW_SERVE_MAX_THREADS ? GW_SERVE_MAX_THREADS : (unsigned)cores;
}

static unsigned default_per_host(unsigned max_clients)
{
	return max_clients / 4 > LEAST_PER_HOST ? max_clients / 4 : LEAST_PER_HOST;
}

enum gw_status gw_serve_options_parse(int argc, char **argv, struct gw_serve_options *out, struct gw_error *err)
{
	struct parse p = {.port = GW_DEFAULT_PORT, .host = DEFAULT_HOST};
	p.o.n_threads = default_threads();
	p.o.max_clients = DEFAULT_CLIENTS;
	enum gw_status status = walk(argc, argv, false, &p, err);
	if (!status && !p.o.help) {
		status = read_file(&p, err);
		if (!status)
			status = walk(argc, argv, true, &p, err);
		if (!status)
			status = add_host_port(&p, err);
		if (!status)
			status = settle_tls(&p.o, err);
		if (!status)
			status = check_allow(&p.o.allow, err);
	}
	if (p.o.log_time && p.o.log_format == GW_LOG_TEXT)
		p.o.log_format = GW_LOG_TIMED;
	if (!p.o.max_per_host)
		p.o.max_per_host = default_per_host(p.o.max_clients);
	if (!status)
		*out = p.o;
	return status;
}

/* Prints lines, all but the first behind an indent. */
static void print_indented(FILE *to, const char *text, int indent)
{
	size_t len = strcspn(text, "\n");
	fprintf(to, "%.*s\n", (int)len, text);
	for (text += len; *text; text += len) {
		text++;
		len = strcspn(text, "\n");
		fprintf(to, "%*s%.*s\n", indent, "", (int)len, text);
	}
}

void gw_serve_options_help(FILE *to, const char *program)
{
	fprintf(to, "Usage: %s [options]\n\nLends this machine's devices to ggml programs on other machines.\n\n",
		program);
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];
		char letter[] = {'-', r->letter, ',', ' ', 0};
		char name[32];
		snprintf(name, sizeof(name), "%s%s%s", r->name, r->value ? " " : "", r->value ? r->value : "");
		fprintf(to, "  %-4s--%-20s ", r->letter ? letter : "", name);
		print_indented(to, r->help, 29);
	}
}
