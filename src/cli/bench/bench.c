#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/terminal.h"
#include "cli/bench/report.h"
#include "cli/bench/run.h"
#include "cli/query.h"
#include "cli/servers.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "cli/verbs.h"

#define DEFAULT_PHASE_S 1.0
#define MAX_PHASE_S 3600.0
#define DEFAULT_TIMEOUT_S 10.0
#define BAR 30
#define BAR_NS (100 * GW_NS_PER_MS) /* how often it moves */

struct options {
	bool json;
	double phase_s, timeout_s;
	uint64_t device;
	enum gw_transport_mode mode;
	const char *program, *endpoint;
	struct gw_servers servers;
};

struct bar {
	bool shown;
	const char *transport;
	uint64_t last_ns;
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"\n"
	"Measures round trips, upload, download and a small graph on a server, over TCP and over RDMA where\n"
	"it comes up. Buffers it allocates there are freed again. Several servers are measured one after another.\n"
	"\n" GW_VERB_ENDPOINTS "\n" GW_VERB_HELP
	"  -t, --time SECONDS      how long each measurement takes (default: 1)\n"
	"  -d, --device N          the server's device, counted from 0 (default: 0)\n"
	"      --transport MODE    auto (default): TCP, and RDMA if both ends have it; tcp; rdma\n"
	"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n" GW_VERB_JSON;

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const char *transport = NULL;
	const struct gw_verb_option known[] = {
		{"time", 't', .seconds = &o->phase_s, .min = 0.01, .max = MAX_PHASE_S},
		{"device", 'd', .whole = &o->device, .max = GW_EXT_MAX_DEVICES - 1},
		{"transport", .text = &transport},
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_PHASE_S},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.phase_s = DEFAULT_PHASE_S, .timeout_s = DEFAULT_TIMEOUT_S, .program = program};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_verb_mode(program, &o->mode);
	if (rc == GW_VERB_GOES_ON && transport && !gw_transport_mode_parse(transport, &o->mode))
		return gw_verb_complain(
			program, GW_EXIT_USAGE, "--transport: '%s' is not auto, tcp or rdma", transport);
	return rc == GW_VERB_GOES_ON ? gw_servers_take(program, argc, argv, first, &o->servers) : rc;
}

static void show_progress(void *user, enum gw_bench_phase phase, double share)
{
	static const char *const names[GW_BENCH_PHASES] = {
		[GW_BENCH_LATENCY] = "round trips",
		[GW_BENCH_UPLOAD] = "upload",
		[GW_BENCH_DOWNLOAD] = "download",
		[GW_BENCH_RAW_UPLOAD] = "connection, up",
		[GW_BENCH_RAW_DOWNLOAD] = "connection, down",
		[GW_BENCH_GRAPH] = "graph",
	};
	char cells[BAR + 1];
	struct bar *bar = user;
	uint64_t now = gw_clock_ns();
	if (!bar->shown || now - bar->last_ns < BAR_NS)
		return;
	bar->last_ns = now;
	gw_terminal_redraw("%s [%s] %s", bar->transport,
		gw_terminal_bar(((double)phase + share) / GW_BENCH_PHASES, BAR, cells), names[phase]);
}

static void clear_progress(const struct bar *bar)
{
	if (bar->shown)
		gw_terminal_redraw("%s", "");
}

static enum gw_status take_device(const struct options *o, const struct gw_query *q, struct gw_bench_setup *setup,
	struct gw_bench_report *report, struct gw_error *err)
{
	uint32_t index = (uint32_t)o->device, n = q->info.n_devices;
	char text[GW_EXT_REFUSAL_TEXT];
	if (q->info.flags & GW_EXT_SERVER_FULL)
		return gw_error_set(err, GW_ERR_LIMIT, "server at %s: %s", o->endpoint,
			gw_ext_refusal_text(&q->info.refusal, text));
	if (index >= n)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "server at %s has %u device%s, and no device %u",
			o->endpoint, (unsigned)n, n == 1 ? "" : "s", (unsigned)index);
	const char *description = q->info.devices[index].description;
	setup->device = index;
	setup->device_free = q->memory[index].free;
	setup->server_flags = q->info.flags;
	snprintf(report->device, sizeof(report->device), "device %u%s%s", (unsigned)index, description[0] ? ": " : "",
		description);
	return GW_OK;
}

static enum gw_status measure(const struct options *o, struct gw_verb_client *v, struct bar *bar,
	struct gw_bench_report *report, struct gw_error *err)
{
	struct gw_bench_connection *run = &report->runs[report->n];
	struct gw_query q;
	struct gw_bench_setup setup = {
		.client = v->client,
		.phase_ns = (uint64_t)(o->phase_s * GW_NS_PER_S),
		.progress = show_progress,
		.user = bar,
	};
	enum gw_status status = gw_query_server(v->client, &q, err);
	if (status)
		return status;
	gw_query_kind_text(v->client, &q, report->server);
	if (!report->is_known)
		gw_query_about(v->client, &q, &report->about);
	report->is_known = true;
	status = gw_query_memory(v->client, &q, err);
	if (!status)
		status = take_device(o, &q, &setup, report, err);
	gw_query_free(&q);
	if (status)
		return status;
	bar->transport = gw_client_transport(v->client)->ops->title;
	snprintf(run->transport, sizeof(run->transport), "%s", bar->transport);
	run->connect_ns = v->connect_ns;
	report->n++;
	status = gw_bench_run(&setup, &run->result, err);
	clear_progress(bar);
	return status;
}

/* One connection in that mode. With only_upgraded nothing is measured on a connection that was not upgraded. */
static enum gw_status run(const struct options *o, enum gw_transport_mode mode, bool only_upgraded,
	struct gw_bench_report *report, struct gw_error *err)
{
	struct gw_verb_client v;
	struct bar bar = {.shown = gw_terminal_can_draw(STDERR_FILENO) && !o->json};
	const struct gw_verb_target target = {
		.endpoint = o->endpoint, .mode = mode, .timeout_s = o->timeout_s, .catch_signals = true};
	enum gw_status status = gw_verb_connect(&v, &target, err);
	if (status)
		return status;
	const struct gw_error *why = gw_client_why_not_upgraded(v.client);
	snprintf(report->why_not_rdma, sizeof(report->why_not_rdma), "%s", why ? why->text : "");
	if (!why || !only_upgraded)
		status = measure(o, &v, &bar, report, err);
	gw_verb_disconnect(&v);
	return status;
}

static enum gw_status run_all(const struct options *o, struct gw_bench_report *report, struct gw_error *err)
{
	if (o->mode != GW_TRANSPORT_AUTO)
		return run(o, o->mode, false, report, err);
	enum gw_status status = run(o, GW_TRANSPORT_TCP, false, report, err);
	return status ? status : run(o, GW_TRANSPORT_AUTO, true, report, err);
}

/* For gw_servers_each. */
static int bench(void *user, const char *endpoint)
{
	struct options *o = user;
	struct gw_error err;
	struct gw_bench_report report = {.endpoint = endpoint};
	o->endpoint = endpoint;
	enum gw_status status = run_all(o, &report, &err);
	if (o->mode == GW_TRANSPORT_TCP)
		report.why_not_rdma[0] = 0;
	if (o->json)
		gw_bench_report_json(&report, status ? err.text : NULL);
	else if (report.n > 0)
		gw_bench_report_print(&report);
	for (unsigned i = 0; i < report.n; i++)
		gw_bench_result_free(&report.runs[i].result);
	return status ? gw_verb_complain(o->program, GW_EXIT_FINDING, "%s", err.text) : GW_EXIT_GOOD;
}

int gw_bench_main(const char *program, int argc, char **argv)
{
	struct options o;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	gw_verb_hush();
	rc = gw_servers_each(&o.servers, bench, &o);
	gw_servers_free(&o.servers);
	return rc;
}
