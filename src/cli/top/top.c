#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"
#include "cli/top/lines.h"
#include "cli/top/screen.h"
#include "cli/top/watch.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "daemon/status/report.h"
#include "transport/list/endpoint.h"

#define DEFAULT_TIMEOUT_S 10.0
#define DEFAULT_INTERVAL_S 1.0
#define MAX_SECONDS 3600.0

struct options {
	bool json;
	double interval_s, timeout_s;
	char **endpoints;
	size_t n;
};

static const char usage[] = "[options] ENDPOINT...\n"
			    "\n"
			    "Shows live what servers are doing; q quits. Without a terminal, prints it once.\n"
			    "\n" GW_VERB_HELP "  -i, --interval SECONDS  polling interval (default: 1)\n"
			    "  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n"
			    "  -j, --json              ask once, and print one JSON object\n";

static int check_endpoints(const char *program, const struct options *o)
{
	struct gw_endpoint ep;
	struct gw_error err;
	if (o->n == 0)
		return gw_verb_complain(program, GW_EXIT_USAGE, "at least one endpoint is expected");
	if (o->n > GW_TOP_SERVERS)
		return gw_verb_complain(program, GW_EXIT_USAGE, "more than %d servers", GW_TOP_SERVERS);
	for (size_t i = 0; i < o->n; i++)
		if (gw_endpoint_parse(o->endpoints[i], false, &ep, &err))
			return gw_verb_complain(program, GW_EXIT_USAGE, "%s", err.text);
	return GW_VERB_GOES_ON;
}

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		{"interval", 'i', .seconds = &o->interval_s, .min = 0.1, .max = MAX_SECONDS},
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_SECONDS},
		{"json", 'j', .flag = &o->json},
	};
	int first;
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S, .interval_s = DEFAULT_INTERVAL_S};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	o->endpoints = argv + first;
	o->n = (size_t)(argc - first);
	return check_endpoints(program, o);
}

static void print_line(void *user, bool heading, const char *text)
{
	(void)user;
	(void)heading;
	printf("%s\n", text);
}

static void json_server(struct gw_json *j, const char *endpoint, const struct gw_watch_view *view)
{
	gw_json_object(j, NULL);
	gw_json_text(j, "endpoint", endpoint);
	gw_json_text(j, "what", view->reached ? view->what : NULL);
	gw_json_text(j, "error", view->why[0] ? view->why : NULL);
	if (view->told)
		gw_report_json(j, &view->status);
	else if (view->reached)
		gw_report_json_devices(j, &view->status);
	gw_json_object_end(j);
}

/* Asks each server once and hands what it says to show. The verb's exit status. */
static int ask_once(const struct gw_watch_wish *wishes, size_t n,
	void (*show)(void *user, const char *endpoint, const struct gw_watch_view *view), void *user)
{
	int rc = GW_EXIT_GOOD;
	for (size_t i = 0; i < n; i++) {
		struct gw_watch_view view;
		gw_watch_once(&wishes[i], &view);
		show(user, wishes[i].target.endpoint, &view);
		if (!view.reached || !view.told)
			rc = GW_EXIT_FINDING;
		gw_watch_free_view(&view);
	}
	return rc;
}

static void show_lines(void *user, const char *endpoint, const struct gw_watch_view *view)
{
	(void)user;
	gw_top_lines(endpoint, view, print_line, NULL);
}

static void show_json(void *user, const char *endpoint, const struct gw_watch_view *view)
{
	json_server(user, endpoint, view);
}

static int print_json(const struct gw_watch_wish *wishes, size_t n)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_array(&j, "servers");
	int rc = ask_once(wishes, n, show_json, &j);
	gw_json_array_end(&j);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
	return rc;
}

int gw_top_main(const char *program, int argc, char **argv)
{
	struct gw_watch_wish wishes[GW_TOP_SERVERS];
	struct options o;
	struct gw_error err;
	enum gw_transport_mode mode;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	rc = gw_verb_mode(program, &mode);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	for (size_t i = 0; i < o.n; i++)
		wishes[i] = (struct gw_watch_wish){
			.target = {.endpoint = o.endpoints[i], .mode = mode, .timeout_s = o.timeout_s},
			.interval_ns = (uint64_t)(o.interval_s * 1e9)};
	gw_verb_hush();
	setlocale(LC_CTYPE, "");
	if (o.json)
		return print_json(wishes, o.n);
	if (!isatty(STDIN_FILENO) || !gw_terminal_can_draw(STDOUT_FILENO) || !gw_top_screen_exists())
		return ask_once(wishes, o.n, show_lines, NULL);
	if (gw_top_screen_run(wishes, o.n, &err))
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	return GW_EXIT_GOOD;
}
