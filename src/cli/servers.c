#include "cli/servers.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "discovery/browse.h"
#include "transport/list/endpoint.h"

static int add(const char *program, const char *source, const char *text, struct gw_servers *s)
{
	struct gw_endpoint ep;
	struct gw_error err;
	const char *colon = source[0] ? ": " : "";
	if (gw_endpoint_parse(text, false, &ep, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "%s%s%s", source, colon, err.text);
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->endpoints[i], text) == 0)
			return gw_verb_complain(program, GW_EXIT_USAGE, "%s%s'%s' is named twice", source, colon, text);
	if (s->n == GW_SERVERS_MAX)
		return gw_verb_complain(
			program, GW_EXIT_USAGE, "%s%smore than %d servers", source, colon, GW_SERVERS_MAX);
	s->endpoints[s->n++] = text;
	return GW_VERB_GOES_ON;
}

/* Takes s->text apart. */
static int split(const char *program, const char *source, struct gw_servers *s)
{
	int rc = GW_VERB_GOES_ON;
	char *rest = s->text;
	if (!rest)
		return gw_verb_complain(program, GW_EXIT_FINDING, "out of memory");
	for (char *text; rc == GW_VERB_GOES_ON && (text = gw_endpoint_next(&rest));)
		rc = add(program, source, text, s);
	if (rc != GW_VERB_GOES_ON)
		gw_servers_free(s);
	return rc;
}

/* All arguments as one list. NULL if memory runs out. */
static char *join(int n, char **arguments)
{
	size_t size = 1;
	for (int i = 0; i < n; i++)
		size += strlen(arguments[i]) + 1;
	char *text = malloc(size), *end = text;
	for (int i = 0; text && i < n; i++) {
		end = stpcpy(end, i > 0 ? "," : "");
		end = stpcpy(end, arguments[i]);
	}
	return text;
}

/* The servers that are announced on the network. n is 0 if there are none, or none can be found. */
static int discover(const char *program, struct gw_servers *out, struct gw_error *err)
{
	static struct gw_found_list found;
	char list[GW_FOUND_MAX * (GW_FOUND_ENDPOINT + 1)] = "", *end = list;
	size_t refused;
	*out = (struct gw_servers){0};
	err->text[0] = '\0';
	if (gw_browse_trusted(GW_BROWSE_MS, &found, &refused, err))
		return GW_VERB_GOES_ON;
	if (refused)
		gw_verb_complain(
			program, 0, "%zu announced servers are not used: none of your keys is for them", refused);
	for (size_t i = 0; i < found.n; i++)
		end += sprintf(end, "%s%s", i > 0 ? "," : "", found.items[i].endpoint);
	if (found.n == 0)
		return GW_VERB_GOES_ON;
	gw_verb_complain(program, 0, "found on the network: %s", list);
	*out = (struct gw_servers){.announced = true, .text = strdup(list)};
	return split(program, "discovery", out);
}

static bool is_auto(const char *list)
{
	return strcmp(list, "auto") == 0;
}

static int take_announced(const char *program, const char *source, struct gw_servers *out)
{
	struct gw_error err;
	int rc = discover(program, out, &err);
	if (rc != GW_VERB_GOES_ON || out->n > 0)
		return rc;
	return gw_verb_complain(program, GW_EXIT_FINDING, "%s%sauto: %s", source, source[0] ? "=" : "",
		err.text[0] ? err.text : "no server is announced on the network; see ggwire serve --announce");
}

int gw_servers_take_list(const char *program, const char *source, const char *list, struct gw_servers *out)
{
	if (is_auto(list))
		return take_announced(program, source, out);
	*out = (struct gw_servers){.text = strdup(list)};
	return split(program, source, out);
}

int gw_servers_take_named(const char *program, int argc, char **argv, int first, struct gw_servers *out)
{
	const char *variable = getenv("GGML_RPC_SERVERS");
	*out = (struct gw_servers){0};
	if (argc == first + 1 && is_auto(argv[first]))
		return take_announced(program, "", out);
	if (argc > first) {
		out->text = join(argc - first, argv + first);
		return split(program, "", out);
	}
	if (variable && variable[strspn(variable, " ")])
		return gw_servers_take_list(program, "GGML_RPC_SERVERS", variable, out);
	return GW_VERB_GOES_ON;
}

int gw_servers_take(const char *program, int argc, char **argv, int first, struct gw_servers *out)
{
	struct gw_error err;
	int rc = gw_servers_take_named(program, argc, argv, first, out);
	if (rc == GW_VERB_GOES_ON && out->n == 0)
		rc = discover(program, out, &err);
	return rc == GW_VERB_GOES_ON && out->n == 0 ? gw_servers_take_list(program, "", "localhost", out) : rc;
}

void gw_servers_free(struct gw_servers *s)
{
	free(s->text);
	*s = (struct gw_servers){0};
}

int gw_servers_each(const struct gw_servers *s, int (*run)(void *user, const char *endpoint), void *user)
{
	int worst = GW_EXIT_GOOD;
	for (size_t i = 0; i < s->n; i++) {
		int rc = run(user, s->endpoints[i]);
		worst = rc > worst ? rc : worst;
	}
	return worst;
}
