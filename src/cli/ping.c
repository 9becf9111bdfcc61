#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/query.h"
#include "cli/stats.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "cli/verbs.h"

#define DEFAULT_INTERVAL_S 1.0
#define DEFAULT_TIMEOUT_S 10.0
#define MAX_SECONDS 86400.0
#define MAX_COUNT 1e9

struct options {
	bool json, quiet;
	uint64_t count; /* 0: until a signal */
	double interval_s, timeout_s;
	enum gw_transport_mode mode;
	const char *endpoint;
};

/* What came of it. */
struct result {
	struct gw_stats stats;
	uint64_t sent;
	uint64_t took_ns;
	char what[GW_QUERY_TEXT];  /* the server in words */
	char version[GW_EXT_TEXT]; /* of ggwire at the other end */
	uint32_t n_devices;
};

static const char usage[] =
	"[options] ENDPOINT\n"
	"\n"
	"Connects to an RPC server, shows its version, and measures round trips. ENDPOINT is HOST:PORT,\n"
	"[IPV6]:PORT or unix:PATH.\n"
	"\n" GW_VERB_HELP "  -c, --count N           stop after N round trips (default: when interrupted)\n"
	"  -i, --interval SECONDS  time between round trips, 0 = none (default: 1)\n"
	"  -q, --quiet             only the first line and the summary\n"
	"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n"
	"  -j, --json              print one JSON object at the end, and nothing else\n";

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		{"count", 'c', .whole = &o->count, .min = 1, .max = MAX_COUNT},
		{"interval", 'i', .seconds = &o->interval_s, .max = MAX_SECONDS},
		{"quiet", 'q', .flag = &o->quiet},
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_SECONDS},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.interval_s = DEFAULT_INTERVAL_S, .timeout_s = DEFAULT_TIMEOUT_S};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	return gw_verb_endpoint(program, argc, argv, first, &o->endpoint, &o->mode);
}

static void print_head(const struct options *o, const struct gw_verb_client *v, const struct result *r)
{
	char safe[GW_QUERY_TEXT];
	if (o->json)
		return;
	printf("PING %s: %s, %u device%s (connected in %.3f ms)\n", o->endpoint,
		gw_text_safe(r->what, safe, sizeof(safe)), (unsigned)r->n_devices, r->n_devices == 1 ? "" : "s",
		(double)v->connect_ns / GW_NS_PER_MS);
	fflush(stdout);
}

static void print_reply(const struct options *o, uint64_t number, uint64_t ns)
{
	if (o->json || o->quiet)
		return;
	printf("%" PRIu64 ": %.3f ms\n", number, (double)ns / GW_NS_PER_MS);
	fflush(stdout);
}

/* Round trips at a steady pace: one that was late does not move the next. */
static enum gw_status measure(const struct options *o, struct gw_verb_client *v, struct result *r, struct gw_error *err)
{
	uint64_t start = gw_clock_ns();
	enum gw_status status = GW_OK;
	while (!status && (o->count == 0 || r->sent < o->count)) {
		uint64_t due = start + (uint64_t)((double)r->sent * o->interval_s * GW_NS_PER_S);
		uint64_t now = gw_clock_ns();
		if (due > now)
			gw_verb_sleep(v, due - now);
		if (gw_verb_is_interrupted(v))
			break;
		uint64_t sent = gw_clock_ns();
		r->sent++;
		status = gw_client_ping(v->client, err);
		uint64_t ns = gw_clock_ns() - sent;
		if (!status)
			status = gw_stats_add(&r->stats, ns);
		if (!status)
			print_reply(o, r->sent, ns);
	}
	r->took_ns = gw_clock_ns() - start;
	if (!gw_verb_is_interrupted(v))
		return status;
	/* What the user did not wait for is no loss. */
	r->sent = r->stats.n;
	return GW_OK;
}

static void print_summary(const struct options *o, struct result *r)
{
	struct gw_stats *s = &r->stats;
	printf("--- %s: %" PRIu64 " sent, %" PRIu64 " answered, in %.1f s\n", o->endpoint, r->sent, s->n,
		(double)r->took_ns / GW_NS_PER_S);
	if (s->n > 0)
		printf("round trip min/avg/p99/max = %.3f/%.3f/%.3f/%.3f ms\n", gw_stats_min_ms(s), gw_stats_avg_ms(s),
			gw_stats_percentile_ms(s, 99), gw_stats_max_ms(s));
	fflush(stdout);
}

static void print_json(const struct gw_verb_client *v, struct result *r, const struct gw_error *err)
{
	struct gw_stats *s = &r->stats;
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_query_server_json(&j, v->client, r->version);
	gw_json_u64(&j, "devices", r->n_devices);
	gw_json_number(&j, "connect_ms", (double)v->connect_ns / GW_NS_PER_MS, 6);
	gw_json_u64(&j, "sent", r->sent);
	gw_json_u64(&j, "answered", s->n);
	gw_json_number(&j, "seconds", (double)r->took_ns / GW_NS_PER_S, 6);
	gw_json_object(&j, "round_trip_ms");
	gw_json_number(&j, "min", s->n ? gw_stats_min_ms(s) : (double)NAN, 6);
	gw_json_number(&j, "avg", s->n ? gw_stats_avg_ms(s) : (double)NAN, 6);
	gw_json_number(&j, "p99", s->n ? gw_stats_percentile_ms(s, 99) : (double)NAN, 6);
	gw_json_number(&j, "max", s->n ? gw_stats_max_ms(s) : (double)NAN, 6);
	gw_json_object_end(&j);
	gw_json_text(&j, "error", err ? err->text : NULL);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

static enum gw_status introduce(struct gw_verb_client *v, struct result *r, struct gw_error *err)
{
	struct gw_query q;
	enum gw_status status = gw_query_server(v->client, &q, err);
	if (status)
		return status;
	gw_query_server_text(v->client, &q, r->what);
	memcpy(r->version, q.info.version, sizeof(r->version));
	r->n_devices = q.info.n_devices;
	gw_query_free(&q);
	return GW_OK;
}

static int run(const char *program, const struct options *o, struct gw_verb_client *v)
{
	struct result r = {0};
	struct gw_error err;
	enum gw_status status = introduce(v, &r, &err);
	if (!status) {
		print_head(o, v, &r);
		status = measure(o, v, &r, &err);
	}
	if (o->json)
		print_json(v, &r, status ? &err : NULL);
	else if (r.sent > 0)
		print_summary(o, &r);
	if (status)
		gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	gw_stats_free(&r.stats);
	return status ? GW_EXIT_FINDING : GW_EXIT_GOOD;
}

int gw_ping_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_verb_client v;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	const struct gw_verb_target target = {
		.endpoint = o.endpoint, .mode = o.mode, .timeout_s = o.timeout_s, .catch_signals = true};
	rc = gw_verb_open(program, &target, &v);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = run(program, &o, &v);
	gw_verb_disconnect(&v);
	return rc;
}
