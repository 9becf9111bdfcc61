#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inventory.h"
#include "cli/servers.h"
#include "cli/verb.h"
#include "cli/verbs.h"

#define DEFAULT_TIMEOUT_S 10.0
#define MAX_TIMEOUT_S 3600.0

struct options {
	bool json;
	double timeout_s;
	enum gw_transport_mode mode;
	struct gw_servers servers;
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"\n"
	"Lists the devices that --rpc ENDPOINT,... would give a llama.cpp program, and prints a command line\n"
	"that splits a model over them in proportion to their free memory.\n"
	"\n" GW_VERB_ENDPOINTS "\n" GW_VERB_HELP
	"  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n" GW_VERB_JSON;

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
	rc = gw_verb_mode(program, &o->mode);
	return rc == GW_VERB_GOES_ON ? gw_servers_take(program, argc, argv, first, &o->servers) : rc;
}

/* A stream that writes into memory. */
static void put_words(FILE *to, const struct gw_inventory_server *entries, size_t n)
{
	bool first = true;
	for (size_t i = 0; i < n; i++) {
		if (entries[i].status || entries[i].server.info.n_devices == 0)
			continue;
		fprintf(to, "%s%s", first ? "" : ",", entries[i].endpoint);
		first = false;
	}
}

/* In quotes where a shell would make something else of it. */
static void put_quoted(FILE *to, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:/_-";
	if (word[strspn(word, plain)] == 0) {
		fputs(word, to);
		return;
	}
	fputc('\'', to);
	for (; *word; word++)
		fputs(*word == '\'' ? "'\\''" : (const char[]){*word, 0}, to);
	fputc('\'', to);
}

static char *collect(void (*put)(FILE *to, const struct gw_inventory_server *entries, size_t n),
	const struct gw_inventory_server *entries, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	put(to, entries, n);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

static void put_command(FILE *to, const struct gw_inventory_server *entries, size_t n)
{
	char *words = collect(put_words, entries, n);
	char *shares = gw_inventory_shares(entries, n, NULL, 0);
	fputs("llama-cli -m MODEL.gguf -ngl 99 --rpc ", to);
	put_quoted(to, words ? words : "");
	fprintf(to, " -ts %s", shares ? shares : "");
	free(words);
	free(shares);
}

static void json_devices(struct gw_json *j, const struct gw_inventory_server *e)
{
	gw_json_array(j, "devices");
	for (uint32_t d = 0; d < e->server.info.n_devices; d++) {
		const struct gw_ext_device *device = &e->server.info.devices[d];
		char name[16];
		snprintf(name, sizeof(name), "RPC%u", e->first + (unsigned)d);
		gw_json_object(j, NULL);
		gw_json_text(j, "name", name);
		gw_json_u64(j, "index", d);
		gw_json_text(j, "there", device->name[0] ? device->name : NULL);
		gw_json_text(j, "description", device->description[0] ? device->description : NULL);
		gw_json_u64(j, "memory_free_bytes", e->server.memory[d].free);
		gw_json_u64(j, "memory_total_bytes", e->server.memory[d].total);
		gw_json_object_end(j);
	}
	gw_json_array_end(j);
}

static void print_json(const struct gw_inventory_server *entries, size_t n, unsigned n_devices)
{
	struct gw_buf out = {0};
	struct gw_json j;
	char *command = n_devices ? collect(put_command, entries, n) : NULL;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_array(&j, "servers");
	for (size_t i = 0; i < n; i++) {
		gw_json_object(&j, NULL);
		gw_query_server_json(&j, entries[i].endpoint, entries[i].status ? NULL : &entries[i].about);
		gw_json_text(&j, "error", entries[i].status ? entries[i].err.text : NULL);
		json_devices(&j, &entries[i]);
		gw_json_object_end(&j);
	}
	gw_json_array_end(&j);
	gw_json_text(&j, "command", command);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
	free(command);
}

static int report(
	const char *program, const struct options *o, const struct gw_inventory_server *entries, unsigned n_devices)
{
	int rc = GW_EXIT_GOOD;
	if (o->json)
		print_json(entries, o->servers.n, n_devices);
	else
		gw_inventory_print(stdout, entries, o->servers.n);
	for (size_t i = 0; i < o->servers.n; i++) {
		if (entries[i].status)
			rc = gw_verb_complain(program, GW_EXIT_FINDING, "%s", entries[i].err.text);
		else if (entries[i].server.info.n_devices == 0)
			rc = gw_verb_complain(
				program, GW_EXIT_FINDING, "server at %s has no devices", entries[i].endpoint);
	}
	char *command = !o->json && n_devices ? collect(put_command, entries, o->servers.n) : NULL;
	if (command)
		printf("\n%s\n", command);
	free(command);
	return rc;
}

int gw_devices_main(const char *program, int argc, char **argv)
{
	struct options o;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	struct gw_inventory_server *entries = calloc(o.servers.n, sizeof(*entries));
	if (!entries)
		return gw_verb_complain(program, GW_EXIT_FINDING, "out of memory");
	gw_verb_hush();
	unsigned n_devices = gw_inventory_take(o.servers.endpoints, o.servers.n, o.mode, o.timeout_s, entries);
	rc = report(program, &o, entries, n_devices);
	gw_inventory_free(entries, o.servers.n);
	free(entries);
	gw_servers_free(&o.servers);
	return rc;
}
