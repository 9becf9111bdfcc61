#include "cli/options.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/control.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT 50052
#define DEFAULT_CLIENTS 64

enum {
	OPT_LISTEN = 256,
	OPT_MAX_CLIENTS,
	OPT_LOG_LEVEL,
	OPT_MAX_MEMORY,
	OPT_CACHE_SIZE,
	OPT_MODEL,
	OPT_ALLOW,
	OPT_SANDBOX,
	OPT_TRANSPORT,
};

static const char short_options[] = ":ht:d:H:p:c";
static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"threads", required_argument, NULL, 't'},
	{"device", required_argument, NULL, 'd'},
	{"host", required_argument, NULL, 'H'},
	{"port", required_argument, NULL, 'p'},
	{"cache", no_argument, NULL, 'c'},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"max-clients", required_argument, NULL, OPT_MAX_CLIENTS},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"max-memory", required_argument, NULL, OPT_MAX_MEMORY},
	{"cache-size", required_argument, NULL, OPT_CACHE_SIZE},
	{"model", required_argument, NULL, OPT_MODEL},
	{"allow", required_argument, NULL, OPT_ALLOW},
	{"sandbox", required_argument, NULL, OPT_SANDBOX},
	{"transport", required_argument, NULL, OPT_TRANSPORT},
	{NULL, 0, NULL, 0},
};

/* What was given so far; host and port become an endpoint at the end. */
struct parse {
	struct gw_serve_options o;
	const char *host;
	unsigned port;
	bool has_port;
};

static unsigned default_threads(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN) / 2;
	return cores < 1 ? 1 : cores > GW_SERVE_MAX_THREADS ? GW_SERVE_MAX_THREADS : (unsigned)cores;
}

/* Digits only: no sign, no blanks. max is small enough for ten times itself. */
static enum gw_status parse_number(
	const char *option, const char *text, unsigned min, unsigned max, unsigned *out, struct gw_error *err)
{
	unsigned value = 0;
	const char *c = text;
	for (; *c >= '0' && *c <= '9' && value <= max; c++)
		value = 10 * value + (unsigned)(*c - '0');
	if (c == text || *c || value < min || value > max)
		return gw_error_set(
			err, GW_ERR_INVALID, "%s: '%s' is not a number from %u to %u", option, text, min, max);
	*out = value;
	return GW_OK;
}

static enum gw_status parse_devices(const char *text, struct gw_serve_options *o, struct gw_error *err)
{
	if (strlen(text) >= GW_CONTROL_DEVICES)
		return gw_error_set(err, GW_ERR_LIMIT, "--device: longer than %d bytes", GW_CONTROL_DEVICES - 1);
	for (const char *name = text;; name++) {
		size_t len = strcspn(name, ",/");
		if (len == 0)
			return gw_error_set(err, GW_ERR_INVALID, "--device: '%s' has an empty name in it", text);
		name += len;
		if (!*name)
			break;
	}
	o->devices = text;
	return GW_OK;
}

static enum gw_status parse_level(const char *text, struct gw_serve_options *o, struct gw_error *err)
{
	static const char *const names[] = {
		[GW_LOG_ERROR] = "error",
		[GW_LOG_WARN] = "warn",
		[GW_LOG_INFO] = "info",
		[GW_LOG_DEBUG] = "debug",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			o->has_log_level = true;
			o->log_level = (enum gw_log_level)i;
			return GW_OK;
		}
	}
	return gw_error_set(err, GW_ERR_INVALID, "--log-level: '%s' is none of error, warn, info, debug", text);
}

/* A number of bytes, with K, M, G or T behind it for their multiples by 1024. */
static enum gw_status parse_bytes(const char *option, const char *text, uint64_t *out, struct gw_error *err)
{
	static const char units[] = "KMGT";
	uint64_t value = 0;
	const char *c = text;
	bool ok = *c >= '0' && *c <= '9';
	for (; ok && *c >= '0' && *c <= '9'; c++)
		ok = gw_mul_u64(value, 10, &value) && gw_add_u64(value, (uint64_t)(*c - '0'), &value);
	const char *unit = *c ? strchr(units, *c & ~0x20) : NULL;
	if (ok && unit) {
		ok = gw_mul_u64(value, UINT64_C(1) << (10 * (unit - units + 1)), &value);
		c++;
	}
	if (!ok || *c || value == 0)
		return gw_error_set(
			err, GW_ERR_INVALID, "%s: '%s' is not a number of bytes, such as 512M or 24G", option, text);
	*out = value;
	return GW_OK;
}

static enum gw_status parse_transport(const char *text, enum gw_transport_mode *out, struct gw_error *err)
{
	if (gw_transport_mode_parse(text, out))
		return GW_OK;
	return gw_error_set(err, GW_ERR_INVALID, "--transport: '%s' is none of auto, tcp, rdma", text);
}

static enum gw_status parse_sandbox(const char *text, enum gw_sandbox_mode *out, struct gw_error *err)
{
	static const char *const names[] = {
		[GW_SANDBOX_AUTO] = "auto",
		[GW_SANDBOX_REQUIRE] = "require",
		[GW_SANDBOX_OFF] = "off",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum gw_sandbox_mode)i;
			return GW_OK;
		}
	}
	return gw_error_set(err, GW_ERR_INVALID, "--sandbox: '%s' is none of auto, require, off", text);
}

static enum gw_status add_model(const char *text, struct gw_serve_options *o, struct gw_error *err)
{
	size_t used = strlen(o->models);
	if (!text[0] || strchr(text, '\n'))
		return gw_error_set(err, GW_ERR_INVALID, "--model: '%s' is no path of a file or directory", text);
	if ((size_t)snprintf(o->models + used, sizeof(o->models) - used, "%s\n", text) >= sizeof(o->models) - used)
		return gw_error_set(err, GW_ERR_LIMIT, "--model: all paths together are longer than %zu bytes",
			sizeof(o->models) - 1);
	return GW_OK;
}

static enum gw_status unknown_proto(const char *option, const char *text, struct gw_error *err)
{
	char known[128] = "";
	size_t used = 0;
	const struct gw_dialect *d;
	for (size_t i = 0; (d = gw_dialect_at(i)) && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%u.%u.%u", i ? ", " : "",
			d->version.major, d->version.minor, d->version.patch);
	return gw_error_set(
		err, GW_ERR_INVALID, "%s: unknown protocol version: '%s' (known versions: %s)", option, text, known);
}

/* What may follow an endpoint: ",proto=VERSION". Cuts it off. */
static enum gw_status parse_proto(
	const char *option, char *text, const struct gw_dialect **dialect, struct gw_error *err)
{
	static const char key[] = ",proto=";
	char *at = strstr(text, key);
	*dialect = NULL;
	if (!at)
		return GW_OK;
	*at = '\0';
	*dialect = gw_dialect_parse(at + strlen(key));
	return *dialect ? GW_OK : unknown_proto(option, at + strlen(key), err);
}

static enum gw_status add_listen(const char *option, const char *text, struct gw_serve_options *o, struct gw_error *err)
{
	struct gw_serve_listen *l = &o->listen[o->n_listen];
	char endpoint[2 * GW_ENDPOINT_MAX];
	if (o->n_listen == GW_SERVE_MAX_LISTEN)
		return gw_error_set(err, GW_ERR_LIMIT, "%s: more than %d endpoints", option, GW_SERVE_MAX_LISTEN);
	if (snprintf(endpoint, sizeof(endpoint), "%s", text) >= (int)sizeof(endpoint))
		return gw_error_set(err, GW_ERR_INVALID, "%s: longer than an endpoint can be", option);
	if (parse_proto(option, endpoint, &l->dialect, err))
		return err->status;
	if (gw_endpoint_parse(endpoint, true, &l->ep, err))
		return gw_error_prefix(err, "%s", option);
	o->n_listen++;
	return GW_OK;
}

/* What -H and -p say, as an endpoint, unless --listen has taken their place. */
static enum gw_status add_host_port(struct parse *p, struct gw_error *err)
{
	if (p->o.n_listen > 0 && !p->host && !p->has_port)
		return GW_OK;
	const char *host = p->host ? p->host : DEFAULT_HOST;
	bool bare_ipv6 = host[0] != '[' && strchr(host, ':');
	char text[GW_ENDPOINT_MAX];
	int n = snprintf(text, sizeof(text), bare_ipv6 ? "[%s]:%u" : "%s:%u", host, p->port);
	if (n >= (int)sizeof(text))
		return gw_error_set(err, GW_ERR_INVALID, "--host: longer than a host's name can be");
	return add_listen("--host", text, &p->o, err);
}

static enum gw_status parse_one(struct parse *p, int option, struct gw_error *err)
{
	switch (option) {
	case 'h':
		p->o.help = true;
		return GW_OK;
	case 't':
		return parse_number("--threads", optarg, 1, GW_SERVE_MAX_THREADS, &p->o.n_threads, err);
	case 'd':
		return parse_devices(optarg, &p->o, err);
	case 'H':
		p->host = optarg;
		return GW_OK;
	case 'p':
		p->has_port = true;
		return parse_number("--port", optarg, 0, UINT16_MAX, &p->port, err);
	case 'c':
		p->o.cache = true;
		return GW_OK;
	case OPT_LISTEN:
		return add_listen("--listen", optarg, &p->o, err);
	case OPT_MAX_CLIENTS:
		return parse_number("--max-clients", optarg, 1, GW_SERVE_MAX_CLIENTS, &p->o.max_clients, err);
	case OPT_LOG_LEVEL:
		return parse_level(optarg, &p->o, err);
	case OPT_MAX_MEMORY:
		return parse_bytes("--max-memory", optarg, &p->o.max_memory, err);
	case OPT_CACHE_SIZE:
		p->o.cache = true;
		return parse_bytes("--cache-size", optarg, &p->o.cache_size, err);
	case OPT_MODEL:
		return add_model(optarg, &p->o, err);
	case OPT_ALLOW:
		return gw_allow_parse(&p->o.allow, optarg, err);
	case OPT_SANDBOX:
		return parse_sandbox(optarg, &p->o.sandbox, err);
	case OPT_TRANSPORT:
		return parse_transport(optarg, &p->o.transport, err);
	default:
		return gw_error_set(err, GW_ERR_INVALID, "unknown option");
	}
}

/* What getopt disliked. It names a short option by its letter, and a long one by its place. */
static enum gw_status refused(int verdict, char **argv, struct gw_error *err)
{
	char letter[] = {'-', (char)optopt, 0};
	const char *last = argv[optind - 1];
	if (verdict == ':')
		return gw_error_set(
			err, GW_ERR_INVALID, "option %s needs a value", strncmp(last, "--", 2) == 0 ? last : letter);
	if (optopt == 0)
		return gw_error_set(err, GW_ERR_INVALID, "unknown option: %s", last);
	if (strchr(short_options, optopt))
		return gw_error_set(err, GW_ERR_INVALID, "option takes no value: %s", last);
	return gw_error_set(err, GW_ERR_INVALID, "unknown option: %s", letter);
}

enum gw_status gw_serve_options_parse(int argc, char **argv, struct gw_serve_options *out, struct gw_error *err)
{
	struct parse p = {.port = DEFAULT_PORT};
	p.o.n_threads = default_threads();
	p.o.max_clients = DEFAULT_CLIENTS;
	p.o.devices = "";
	opterr = 0;
	optind = 1;
	for (;;) {
		int option = getopt_long(argc, argv, short_options, long_options, NULL);
		if (option == -1)
			break;
		enum gw_status status =
			option == '?' || option == ':' ? refused(option, argv, err) : parse_one(&p, option, err);
		if (status)
			return status;
		if (p.o.help)
			break;
	}
	if (!p.o.help && optind < argc)
		return gw_error_set(err, GW_ERR_INVALID, "unexpected argument: %s", argv[optind]);
	if (!p.o.help && add_host_port(&p, err))
		return err->status;
	*out = p.o;
	return GW_OK;
}

void gw_serve_options_help(FILE *to, const char *program)
{
	fprintf(to,
		"Usage: %s [options]\n"
		"\n"
		"Lends this machine's devices to ggml programs on other machines.\n"
		"\n"
		"  -h, --help                 show this help and exit\n"
		"  -t, --threads N            threads of the CPU device (default: %u)\n"
		"  -d, --device NAME,...      devices to lend (default: all but the CPU, or else the CPU)\n"
		"  -H, --host HOST            address to listen on (default: " DEFAULT_HOST ")\n"
		"  -p, --port PORT            port to listen on, 0 = any free one (default: %d)\n"
		"  -c, --cache                keep large weights in a cache on disk\n"
		"      --cache-size SIZE      the same, with at most that many bytes on disk: what was not used for\n"
		"                             longest makes room\n"
		"      --model PATH           a GGUF file, or a directory of them, that clients are going to load: "
		"its\n"
		"                             weights are read here and not sent; may be repeated\n"
		"      --listen ENDPOINT      HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated; instead of\n"
		"                             -H and -p, unless these are given too. ENDPOINT,proto=VERSION\n"
		"                             serves clients of that protocol version there, from 4.0.0 on\n"
		"      --max-clients N        clients served at once (default: %d)\n"
		"      --max-memory SIZE      buffers of one client: bytes, or with K, M, G, T behind the number\n"
		"                             (default: what the devices have)\n"
		"      --allow CIDR,...       networks whose machines may connect, such as 192.0.2.0/24 or\n"
		"                             2001:db8::/32; may be repeated (default: all; Unix sockets always may)\n"
		"      --sandbox MODE         what workers may do to this machine: auto (default) as little as the\n"
		"                             kernel can enforce, require all of that or do not start, off\n"
		"      --transport MODE       auto (default): RDMA where both ends have it, else TCP; tcp: never\n"
		"                             RDMA; rdma: refuse clients that stay on TCP\n"
		"      --log-level LEVEL      error, warn, info or debug (default: info)\n",
		program, default_threads(), DEFAULT_PORT, DEFAULT_CLIENTS);
}
