#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/query.h"
#include "cli/servers.h"
#include "cli/stats.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "cli/verbs.h"

#define DEFAULT_INTERVAL_S 1.0
#define DEFAULT_TIMEOUT_S 10.0
#define MAX_SECONDS 86400.0
#define MAX_COUNT 1e9
#define COUNT_OF_SEVERAL 5 /* otherwise the second server would never have its turn */

struct options {
	bool json, quiet;
	bool interrupted; /* by a signal: the other servers are left out */
	uint64_t count;   /* 0: until a signal */
	double interval_s, timeout_s;
	enum gw_transport_mode mode;
	const char *program, *endpoint;
	struct gw_servers servers;
};

/* What came of it. */
struct result {
	struct gw_stats stats;
	uint64_t sent;
	uint64_t took_ns;
	struct gw_query_about about;
	uint32_t n_devices;
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"\n"
	"Connects to an RPC server, says what it is, and measures round trips; to several, one after another.\n"
	"\n" GW_VERB_ENDPOINTS "\n" GW_VERB_HELP
	"  -c, --count N           stop after N round trips (default: when interrupted; with several servers: 5)\n"
	"  -i, --interval SECONDS  time from one to the next, 0 = none (default: 1)\n"
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
	*o = (struct options){.interval_s = DEFAULT_INTERVAL_S, .timeout_s = DEFAULT_TIMEOUT_S, .program = program};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_verb_mode(program, &o->mode);
	if (rc == GW_VERB_GOES_ON)
		rc = gw_servers_take(program, argc, argv, first, &o->servers);
	if (rc == GW_VERB_GOES_ON && o->count == 0 && o->servers.n > 1)
		o->count = COUNT_OF_SEVERAL;
	return rc;
}

static void print_head(const struct options *o, const struct gw_verb_client *v, const struct result *r)
{
	char safe[GW_QUERY_TEXT];
	if (o->json)
		return;
	printf("PING %s: %s, %u device%s (connected in %.3f ms)\n", o->endpoint,
		gw_text_safe(r->about.text, safe, sizeof(safe)), (unsigned)r->n_devices, r->n_devices == 1 ? "" : "s",
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

static void print_json(
	const struct options *o, const struct gw_verb_client *v, struct result *r, const struct gw_error *err)
{
	struct gw_stats *s = &r->stats;
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_query_server_json(&j, o->endpoint, &r->about);
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
	gw_query_about(v->client, &q, &r->about);
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
		print_json(o, v, &r, status ? &err : NULL);
	else if (r.sent > 0)
		print_summary(o, &r);
	if (status)
		gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	gw_stats_free(&r.stats);
	return status ? GW_EXIT_FINDING : GW_EXIT_GOOD;
}

/* For gw_servers_each. */
static int ping(void *user, const char *endpoint)
{
	struct options *o = user;
	struct gw_verb_client v;
	const struct gw_verb_target target = {.endpoint = endpoint,
		.mode = o->mode,
		.timeout_s = o->timeout_s,
		.json = o->json,
		.catch_signals = true};
	if (o->interrupted)
		return GW_EXIT_GOOD;
	int rc = gw_verb_open(o->program, &target, &v);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	o->endpoint = endpoint;
	rc = run(o->program, o, &v);
	o->interrupted = atomic_load(&v.interrupted);
	gw_verb_disconnect(&v);
	return rc;
}

int gw_ping_main(const char *program, int argc, char **argv)
{
	struct options o;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_servers_each(&o.servers, ping, &o);
	gw_servers_free(&o.servers);
	return rc;
}
