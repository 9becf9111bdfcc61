#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/query.h"
#include "cli/verb.h"
#include "cli/verb_client.h"
#include "cli/verbs.h"
#include "transport/list/endpoint.h"

#define DEFAULT_TIMEOUT_S 10.0
#define MAX_TIMEOUT_S 3600.0
#define MAX_SERVERS 64
#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

struct options {
	bool json;
	double timeout_s;
	enum gw_transport_mode mode;
	char *endpoints[MAX_SERVERS]; /* parts of argv */
	size_t n;
};

/* A server that was asked. */
struct entry {
	const char *endpoint;
	enum gw_status status;
	struct gw_error err;
	struct gw_query server;
	char text[GW_QUERY_TEXT]; /* what it is */
	unsigned first;           /* the number of its first device */
};

static const char usage[] =
	"[options] ENDPOINT,...\n"
	"\n"
	"Lists the devices that --rpc ENDPOINT,... would give a llama.cpp program, and prints a command line\n"
	"that splits a model over them in proportion to their free memory.\n"
	"\n" GW_VERB_HELP "  -W, --timeout SECONDS   how long to wait for an answer (default: 10)\n" GW_VERB_JSON;

static int add_endpoint(const char *program, char *text, struct options *o)
{
	struct gw_endpoint ep;
	struct gw_error err;
	if (gw_endpoint_parse(text, false, &ep, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "%s", err.text);
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->endpoints[i], text) == 0)
			return gw_verb_complain(program, GW_EXIT_USAGE, "'%s' is named twice", text);
	if (o->n == MAX_SERVERS)
		return gw_verb_complain(program, GW_EXIT_USAGE, "more than %d servers", MAX_SERVERS);
	o->endpoints[o->n++] = text;
	return GW_VERB_GOES_ON;
}

static int add_list(const char *program, char *list, struct options *o)
{
	int rc = GW_VERB_GOES_ON;
	for (char *text; rc == GW_VERB_GOES_ON && (text = gw_endpoint_next(&list));)
		rc = add_endpoint(program, text, o);
	return rc;
}

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
	for (int i = first; i < argc && rc == GW_VERB_GOES_ON; i++)
		rc = add_list(program, argv[i], o);
	if (rc == GW_VERB_GOES_ON && o->n == 0)
		return gw_verb_complain(program, GW_EXIT_USAGE, "at least one endpoint is expected");
	return rc == GW_VERB_GOES_ON ? gw_verb_mode(program, &o->mode) : rc;
}

static void query(struct entry *e, const struct options *o)
{
	struct gw_verb_client v;
	const struct gw_verb_target target = {.endpoint = e->endpoint, .mode = o->mode, .timeout_s = o->timeout_s};
	e->status = gw_verb_connect(&v, &target, &e->err);
	if (e->status)
		return;
	e->status = gw_query_server(v.client, &e->server, &e->err);
	if (!e->status)
		e->status = gw_query_memory(v.client, &e->server, &e->err);
	if (e->status)
		gw_query_free(&e->server);
	else
		gw_query_server_text(v.client, &e->server, e->text);
	gw_verb_disconnect(&v);
}

static void print_table(const struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &entries[i];
		char safe[GW_QUERY_TEXT], total[GW_UNITS_TEXT], left[GW_UNITS_TEXT];
		if (e->status)
			continue;
		printf("%s: %s\n", e->endpoint, gw_text_safe(e->text, safe, sizeof(safe)));
		for (uint32_t d = 0; d < e->server.info.n_devices; d++) {
			const struct gw_wire_memory_rsp *memory = &e->server.memory[d];
			const char *text = gw_query_device_text(&e->server.info.devices[d]);
			printf("  RPC%-3u %10s free of %10s  %s\n", e->first + (unsigned)d,
				gw_units_bytes((double)memory->free, left),
				gw_units_bytes((double)memory->total, total),
				text[0] ? gw_text_safe(text, safe, sizeof(safe)) : "(the server does not tell)");
		}
	}
}

/* A stream that writes into memory. */
static void put_words(FILE *to, const struct entry *entries, size_t n)
{
	bool first = true;
	for (size_t i = 0; i < n; i++) {
		if (entries[i].status || entries[i].server.info.n_devices == 0)
			continue;
		fprintf(to, "%s%s", first ? "" : ",", entries[i].endpoint);
		first = false;
	}
}

/* In the largest unit in which no share is 0. */
static void put_shares(FILE *to, const struct entry *entries, size_t n)
{
	uint64_t least = UINT64_MAX;
	bool first = true;
	for (size_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < entries[i].server.info.n_devices; d++)
			if (entries[i].server.memory[d].free < least)
				least = entries[i].server.memory[d].free;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t d = 0; d < entries[i].server.info.n_devices; d++) {
			uint64_t left = entries[i].server.memory[d].free;
			fprintf(to, first ? "" : ",");
			if (least >= GIB)
				fprintf(to, "%.1f", (double)left / (double)GIB);
			else
				fprintf(to, "%" PRIu64, left / MIB);
			first = false;
		}
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

static char *collect(
	void (*put)(FILE *to, const struct entry *entries, size_t n), const struct entry *entries, size_t n)
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

static void put_command(FILE *to, const struct entry *entries, size_t n)
{
	char *words = collect(put_words, entries, n);
	char *shares = collect(put_shares, entries, n);
	fputs("llama-cli -m MODEL.gguf -ngl 99 --rpc ", to);
	put_quoted(to, words ? words : "");
	fprintf(to, " -ts %s", shares ? shares : "");
	free(words);
	free(shares);
}

static void json_devices(struct gw_json *j, const struct entry *e)
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

static void print_json(const struct entry *entries, size_t n, unsigned n_devices)
{
	struct gw_buf out = {0};
	struct gw_json j;
	char *command = n_devices ? collect(put_command, entries, n) : NULL;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_array(&j, "servers");
	for (size_t i = 0; i < n; i++) {
		gw_json_object(&j, NULL);
		gw_json_text(&j, "endpoint", entries[i].endpoint);
		gw_json_text(&j, "server", entries[i].status ? NULL : entries[i].text);
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

static int report(const char *program, const struct options *o, const struct entry *entries, unsigned n_devices)
{
	int rc = GW_EXIT_GOOD;
	if (o->json)
		print_json(entries, o->n, n_devices);
	else
		print_table(entries, o->n);
	for (size_t i = 0; i < o->n; i++) {
		if (entries[i].status)
			rc = gw_verb_complain(program, GW_EXIT_FINDING, "%s", entries[i].err.text);
		else if (entries[i].server.info.n_devices == 0)
			rc = gw_verb_complain(
				program, GW_EXIT_FINDING, "server at %s has no devices", entries[i].endpoint);
	}
	char *command = !o->json && n_devices ? collect(put_command, entries, o->n) : NULL;
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
	struct entry *entries = calloc(o.n, sizeof(*entries));
	if (!entries)
		return gw_verb_complain(program, GW_EXIT_FINDING, "out of memory");
	unsigned n_devices = 0;
	gw_verb_hush();
	for (size_t i = 0; i < o.n; i++) {
		entries[i].endpoint = o.endpoints[i];
		query(&entries[i], &o);
		entries[i].first = n_devices;
		n_devices += entries[i].server.info.n_devices;
	}
	rc = report(program, &o, entries, n_devices);
	for (size_t i = 0; i < o.n; i++)
		gw_query_free(&entries[i].server);
	free(entries);
	return rc;
}
