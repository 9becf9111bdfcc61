#include "cli/top/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/ask.h"
#include "cli/top/ask_status.h"
#include "cli/verb.h"
#include "cli/visit.h"
#include "daemon/status/report.h"
#include "daemon/status/units.h"
#include "transport/mode.h"

#define DEFAULT_TIMEOUT_S 10.0
#define MAX_TIMEOUT_S 3600.0

struct options {
	bool help, json;
	double timeout_s;
	const char *endpoint;
};

/* What came of asking: a whole status, or, with why, as much as the server tells. */
struct answer {
	struct gw_ask_server server;
	bool told;
	struct gw_ext_status status;
	struct gw_error why;
};

static int usage(FILE *to, const char *program)
{
	fprintf(to,
		"Usage: %s [options] ENDPOINT\n"
		"\n"
		"Prints what a server is doing: its devices and their memory, and who uses them. ENDPOINT is\n"
		"HOST:PORT, [IPV6]:PORT or unix:PATH. Only ggwire servers tell all of it.\n"
		"\n"
		"  -h, --help              show this help and exit\n"
		"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n"
		"  -j, --json              print one JSON object\n",
		program);
	return to == stdout ? GW_EXIT_GOOD : GW_EXIT_USAGE;
}

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		GW_VERB_HELP(&o->help),
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_TIMEOUT_S},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S};
	int rc = gw_verb_options(program, argc, argv, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc || o->help)
		return rc;
	return gw_verb_argument(program, argc, argv, first, "endpoint", &o->endpoint);
}

static enum gw_status ask(struct gw_visit *v, struct answer *a, struct gw_error *err)
{
	enum gw_status status = gw_ask_server(v, &a->server, err);
	if (status)
		return status;
	a->told = gw_ask_status(v, &a->server, &a->status, &a->why) == GW_OK;
	if (a->told)
		return GW_OK;
	*err = a->why;
	status = a->why.status == GW_ERR_UNSUPPORTED ? gw_ask_memory(v, &a->server, err) : a->why.status;
	if (status)
		gw_ask_server_free(&a->server);
	return status;
}

static void print_devices(const struct gw_ask_server *server)
{
	printf("Devices:\n");
	for (uint32_t i = 0; i < server->n_devices; i++) {
		const struct gw_ask_device *d = &server->devices[i];
		char available[GW_UNITS_TEXT], total[GW_UNITS_TEXT], safe[GW_EXT_TEXT];
		printf("  %-3" PRIu32 " %9s free of %9s  %s\n", i, gw_units_bytes((double)d->free, available),
			gw_units_bytes((double)d->total, total),
			gw_text_safe(d->description[0] ? d->description : d->name, safe, sizeof(safe)));
	}
}

static void print_text(const struct options *o, const struct gw_visit *v, const struct answer *a)
{
	char text[GW_ASK_TEXT], safe[GW_ASK_TEXT];
	gw_ask_server_text(v, a->server.version, text);
	printf("%s: ", o->endpoint);
	if (a->told) {
		gw_report_text(stdout, &a->status);
		return;
	}
	printf("%s\n", gw_text_safe(text, safe, sizeof(safe)));
	print_devices(&a->server);
}

static void json_devices(struct gw_json *j, const struct gw_ask_server *server)
{
	gw_json_array(j, "devices");
	for (uint32_t i = 0; i < server->n_devices; i++) {
		const struct gw_ask_device *d = &server->devices[i];
		gw_json_object(j, NULL);
		gw_json_text(j, "name", d->name[0] ? d->name : NULL);
		gw_json_text(j, "description", d->description[0] ? d->description : NULL);
		gw_json_u64(j, "memory_total_bytes", d->total);
		gw_json_u64(j, "memory_free_bytes", d->free);
		gw_json_object_end(j);
	}
	gw_json_array_end(j);
}

static void print_json(const struct gw_visit *v, const struct answer *a)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_ask_server_json(&j, v, a->server.version);
	if (a->told)
		gw_report_json(&j, &a->status);
	else
		json_devices(&j, &a->server);
	gw_json_text(&j, "error", a->told ? NULL : a->why.text);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

static int run(const char *program, const struct options *o, struct gw_visit *v)
{
	struct answer a = {0};
	struct gw_error err;
	if (ask(v, &a, &err))
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	if (o->json)
		print_json(v, &a);
	else
		print_text(o, v, &a);
	if (!a.told)
		gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s", o->endpoint, a.why.text);
	gw_ask_server_free(&a.server);
	gw_ext_status_free(&a.status);
	return a.told ? GW_EXIT_GOOD : GW_EXIT_FINDING;
}

int gw_status_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_visit v;
	struct gw_error err;
	int rc = parse(program, argc, argv, &o);
	if (rc)
		return rc;
	if (o.help)
		return usage(stdout, program);
	struct gw_visit_wish wish = {.endpoint = o.endpoint, .timeout_ms = (int)(o.timeout_s * 1000)};
	if (gw_transport_mode_from_env(&wish.mode, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "%s", err.text);
	gw_verb_hush();
	enum gw_status status = gw_visit_open(&v, &wish, &err);
	if (status)
		return gw_verb_complain(
			program, status == GW_ERR_INVALID ? GW_EXIT_USAGE : GW_EXIT_FINDING, "%s", err.text);
	rc = run(program, &o, &v);
	gw_visit_close(&v);
	return rc;
}
