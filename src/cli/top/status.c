#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/top/snapshot.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "cli/verbs.h"
#include "daemon/status/report.h"

#define DEFAULT_TIMEOUT_S 10.0
#define MAX_TIMEOUT_S 3600.0

struct options {
	bool json;
	double timeout_s;
	enum gw_transport_mode mode;
	const char *endpoint;
};

static const char usage[] =
	"[options] ENDPOINT\n"
	"\n"
	"Prints what a server is doing: its devices and their memory, and who uses them. ENDPOINT is\n"
	"HOST:PORT, [IPV6]:PORT or unix:PATH. Only ggwire servers report everything.\n"
	"\n" GW_VERB_HELP "  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n" GW_VERB_JSON;

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_TIMEOUT_S},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	return gw_verb_endpoint(program, argc, argv, first, &o->endpoint, &o->mode);
}

static void print_devices(const struct gw_ext_status *status)
{
	printf("Devices:\n");
	for (uint32_t i = 0; i < status->n_devices; i++) {
		const struct gw_ext_status_device *d = &status->devices[i];
		char available[GW_UNITS_TEXT], total[GW_UNITS_TEXT], safe[GW_EXT_TEXT];
		printf("  %-3" PRIu32 " %9s free of %9s  %s\n", i, gw_units_bytes((double)d->free, available),
			gw_units_bytes((double)d->total, total), gw_text_safe(d->description, safe, sizeof(safe)));
	}
}

static void print_text(const struct options *o, const struct gw_snapshot *s)
{
	char safe[GW_QUERY_TEXT];
	printf("%s: ", o->endpoint);
	if (s->complete) {
		gw_report_text(stdout, &s->status);
		return;
	}
	printf("%s\n", gw_text_safe(s->what, safe, sizeof(safe)));
	print_devices(&s->status);
}

static void print_json(const struct gw_client *c, const struct gw_snapshot *s)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_query_server_json(&j, c, s->version);
	if (s->complete)
		gw_report_json(&j, &s->status);
	else
		gw_report_json_devices(&j, &s->status);
	gw_json_text(&j, "error", s->complete ? NULL : s->why.text);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

static int run(const char *program, const struct options *o, struct gw_client *c)
{
	struct gw_snapshot s;
	struct gw_error err;
	int rc = GW_EXIT_GOOD;
	if (gw_snapshot_take(c, &s, &err))
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	if (o->json)
		print_json(c, &s);
	else
		print_text(o, &s);
	if (!s.complete)
		rc = gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s", o->endpoint, s.why.text);
	gw_snapshot_free(&s);
	return rc;
}

int gw_status_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_verb_client v;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	const struct gw_verb_target target = {.endpoint = o.endpoint, .mode = o.mode, .timeout_s = o.timeout_s};
	rc = gw_verb_open(program, &target, &v);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = run(program, &o, v.client);
	gw_verb_disconnect(&v);
	return rc;
}
