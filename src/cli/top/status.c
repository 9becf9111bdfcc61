#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/servers.h"
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
	const char *program, *endpoint;
	struct gw_servers servers;
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"\n"
	"Prints what servers are doing: their devices and memory, and who uses them. Only ggwire servers tell all\n"
	"of it.\n"
	"\n" GW_VERB_ENDPOINTS "\n" GW_VERB_HELP
	"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n" GW_VERB_JSON;

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_TIMEOUT_S},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S, .program = program};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_verb_mode(program, &o->mode);
	return rc == GW_VERB_GOES_ON ? gw_servers_take(program, argc, argv, first, &o->servers) : rc;
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
	printf("%s\n", gw_text_safe(s->about.text, safe, sizeof(safe)));
	print_devices(&s->status);
}

static void print_json(const char *endpoint, const struct gw_snapshot *s)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_snapshot_json(&j, endpoint, &s->about, &s->status, s->complete);
	gw_json_text(&j, "error", s->complete ? NULL : s->why.text);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

static int run(const char *program, const struct options *o, struct gw_client *c)
{
	struct gw_snapshot s;
	struct gw_error err;
	int rc = GW_EXIT_GOOD;
	enum gw_status status = gw_snapshot_take(c, &s, &err);
	if (status && o->json)
		gw_verb_print_failure(o->endpoint, err.text);
	if (status)
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	if (o->json)
		print_json(o->endpoint, &s);
	else
		print_text(o, &s);
	if (!s.complete)
		rc = gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s", o->endpoint, s.why.text);
	gw_snapshot_free(&s);
	return rc;
}

/* For gw_servers_each. */
static int ask(void *user, const char *endpoint)
{
	struct options *o = user;
	struct gw_verb_client v;
	const struct gw_verb_target target = {
		.endpoint = endpoint, .mode = o->mode, .timeout_s = o->timeout_s, .json = o->json};
	int rc = gw_verb_open(o->program, &target, &v);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	o->endpoint = endpoint;
	rc = run(o->program, o, v.client);
	gw_verb_disconnect(&v);
	return rc;
}

int gw_status_main(const char *program, int argc, char **argv)
{
	struct options o;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_servers_each(&o.servers, ask, &o);
	gw_servers_free(&o.servers);
	return rc;
}
