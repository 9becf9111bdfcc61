#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "discovery/browse.h"

#define MAX_WAIT_S 600.0

struct options {
	bool json;
	double wait_s;
};

static const char usage[] =
	"[options]\n"
	"\n"
	"Lists the servers that are announced on the network (ggwire serve --announce). Anybody there can announce\n"
	"anything: with keys, only servers that have one of them are used where no server is named.\n"
	"\n" GW_VERB_HELP GW_VERB_JSON "  -w, --wait SECONDS      how long to wait for announcements (default: 1)\n";

static void put(const char *before, const char *text, const char *after)
{
	char safe[GW_FOUND_TEXT];
	if (text[0])
		printf("%s%s%s", before, gw_text_safe(text, safe, sizeof(safe)), after);
}

static void print_server(const struct gw_found *f)
{
	char memory[GW_UNITS_TEXT], name[GW_FOUND_TEXT];
	double bytes = strtod(f->memory, NULL);
	printf("%-21s \"%s\"", f->endpoint, gw_text_safe(f->name, name, sizeof(name)));
	put(", ggwire ", f->version, "");
	put(", protocol ", f->protocol, "");
	put(", ", f->devices, strcmp(f->devices, "1") == 0 ? " device" : " devices");
	if (bytes > 0)
		printf(", %s free at its start", gw_units_bytes(bytes, memory));
	if (f->tls[0])
		printf(", %s", strcmp(f->tls, "require") == 0 ? "TLS required"
			       : strcmp(f->tls, "on") == 0    ? "TLS"
							      : "no TLS");
	printf("%s\n", strcmp(f->rdma, "yes") == 0 ? ", RDMA" : "");
}

static void json_server(struct gw_json *j, const struct gw_found *f)
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{"name", f->name},
		{"host", f->host},
		{"version", f->version},
		{"protocol", f->protocol},
		{"devices", f->devices},
		{"memory_free_bytes", f->memory},
		{"tls", f->tls},
		{"rdma", f->rdma},
	};
	gw_json_object(j, NULL);
	gw_json_text(j, "endpoint", f->endpoint);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		gw_json_text(j, texts[i].name, texts[i].value[0] ? texts[i].value : NULL);
	gw_json_object_end(j);
}

static void print_json(const struct gw_found_list *list, const char *error)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_array(&j, "servers");
	for (size_t i = 0; i < list->n; i++)
		json_server(&j, &list->items[i]);
	gw_json_array_end(&j);
	gw_json_text(&j, "error", error);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

int gw_discover_main(const char *program, int argc, char **argv)
{
	static struct gw_found_list list;
	struct options o = {.wait_s = GW_BROWSE_MS / 1000.0};
	const struct gw_verb_option known[] = {
		{"json", 'j', .flag = &o.json},
		{"wait", 'w', .seconds = &o.wait_s, .min = 0, .max = MAX_WAIT_S},
	};
	struct gw_error err;
	int first;
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (first < argc)
		return gw_verb_complain(program, GW_EXIT_USAGE, "unexpected argument: %s", argv[first]);
	enum gw_status status = gw_browse((int)(o.wait_s * 1000), &list, &err);
	if (!status && list.n == 0)
		gw_error_set(
			&err, GW_ERR_NOT_FOUND, "no server is announced on the network; see ggwire serve --announce");
	bool failed = status || list.n == 0;
	if (o.json)
		print_json(&list, failed ? err.text : NULL);
	for (size_t i = 0; !o.json && i < list.n; i++)
		print_server(&list.items[i]);
	if (list.left_out)
		gw_verb_complain(program, 0, "%zu more servers are left out", list.left_out);
	return failed ? gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text) : GW_EXIT_GOOD;
}
