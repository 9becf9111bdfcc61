#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"
#include "cli/servers.h"
#include "cli/top/lines.h"
#include "cli/top/screen.h"
#include "cli/top/snapshot.h"
#include "cli/top/watch.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "daemon/status/report.h"
#include "transport/list/endpoint.h"

_Static_assert(GW_SERVERS_MAX <= GW_TOP_SERVERS, "all servers fit on the screen");

#define DEFAULT_TIMEOUT_S 10.0
#define DEFAULT_INTERVAL_S 1.0
#define MAX_SECONDS 3600.0

struct options {
	bool json;
	double interval_s, timeout_s;
	struct gw_servers servers;
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"\n"
	"Shows what servers are doing, again and again; q ends it. Without a terminal it is shown once.\n"
	"\n" GW_VERB_ENDPOINTS "\n" GW_VERB_HELP "  -i, --interval SECONDS  how often to ask (default: 1)\n"
	"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n"
	"  -j, --json              ask once, and print one JSON object\n";

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
	return gw_servers_take(program, argc, argv, first, &o->servers);
}

static void print_line(void *user, enum gw_top_style style, const char *text)
{
	(void)user;
	(void)style;
	printf("%s\n", text);
}

static void json_server(struct gw_json *j, const char *endpoint, const struct gw_watch_view *view)
{
	gw_json_object(j, NULL);
	if (view->reached)
		gw_snapshot_json(j, endpoint, &view->about, &view->status, view->told);
	else
		gw_query_server_json(j, endpoint, NULL);
	gw_json_text(j, "error", view->why[0] ? view->why : NULL);
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
	gw_top_lines(endpoint, view, GW_TOP_WIDTH, print_line, NULL);
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

static void make_wishes(const struct options *o, enum gw_transport_mode mode, struct gw_watch_wish *wishes)
{
	for (size_t i = 0; i < o->servers.n; i++)
		wishes[i] = (struct gw_watch_wish){
			.target = {.endpoint = o->servers.endpoints[i], .mode = mode, .timeout_s = o->timeout_s},
			.interval_ns = (uint64_t)(o->interval_s * 1e9)};
}

int gw_top_main(const char *program, int argc, char **argv)
{
	static struct options o; /* for threads that still ask a server when this returns */
	struct gw_watch_wish wishes[GW_SERVERS_MAX];
	struct gw_error err;
	enum gw_transport_mode mode;
	int rc = gw_verb_mode(program, &mode);
	if (rc == GW_VERB_GOES_ON)
		rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	make_wishes(&o, mode, wishes);
	gw_verb_hush();
	setlocale(LC_CTYPE, "");
	if (o.json)
		return print_json(wishes, o.servers.n);
	if (!isatty(STDIN_FILENO) || !gw_terminal_can_draw(STDOUT_FILENO) || !gw_top_screen_exists())
		return ask_once(wishes, o.servers.n, show_lines, NULL);
	if (gw_top_screen_run(wishes, o.servers.n, &err))
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	return GW_EXIT_GOOD;
}
