#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inventory.h"
#include "cli/run/fit.h"
#include "cli/run/restart.h"
#include "cli/servers.h"
#include "cli/verb.h"
#include "cli/verbs.h"

#define DEFAULT_TIMEOUT_S 10.0
#define MAX_TIMEOUT_S 3600.0
#define PLUGIN "libggml-rpc-ggwire.so"

struct options {
	bool restart, fit;
	double timeout_s;
	enum gw_transport_mode mode;
	struct gw_servers servers;
	char **argv; /* the program's */
};

static const char usage[] =
	"[options] -- PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs a program with the devices of servers: checks the servers, lists their devices, and sets the "
	"environment\n"
	"so that the program uses ggwire's plug-in, needs all servers, and ends when it loses one. Signals and the\n"
	"exit status are passed on.\n"
	"\n" GW_VERB_HELP
	"  -s, --servers LIST      endpoints, with commas or blanks; default: GGML_RPC_SERVERS, or localhost\n"
	"  -r, --restart           when a server is lost, wait for it and start the program again\n"
	"  -f, --fit               split the model in proportion to the free memory of all devices (llama.cpp: -ts)\n"
	"  -W, --timeout SECONDS   how long to wait for an answer of a server (default: 10)\n";

/* Finds the "--" before the program, so that the program's own options are left alone. */
static int separator(int argc, char **argv)
{
	int i = 0;
	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	return i;
}

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const char *list = NULL;
	const struct gw_verb_option known[] = {
		{"servers", 's', .text = &list},
		{"restart", 'r', .flag = &o->restart},
		{"fit", 'f', .flag = &o->fit},
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_TIMEOUT_S},
	};
	int first, end = separator(argc, argv);
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S, .argv = argv + end + 1};
	int rc = gw_verb_options(program, end, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (first < end)
		return gw_verb_complain(
			program, GW_EXIT_USAGE, "the program is expected behind --: -- %s ...", argv[first]);
	if (end + 1 >= argc)
		return gw_verb_complain(program, GW_EXIT_USAGE, "a program is expected behind --");
	rc = gw_verb_mode(program, &o->mode);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	return list ? gw_servers_take_list(program, "--servers", list, &o->servers)
		    : gw_servers_take(program, 0, NULL, 0, &o->servers);
}

/* Whether a server answers and has a place. Otherwise says why not. */
static bool is_usable(const char *program, const struct gw_inventory_server *server)
{
	char text[GW_EXT_REFUSAL_TEXT];
	if (server->status)
		gw_verb_complain(program, 0, "%s", server->err.text);
	else if (server->server.info.flags & GW_EXT_SERVER_FULL)
		gw_verb_complain(program, 0, "server at %s: %s", server->endpoint,
			gw_ext_refusal_text(&server->server.info.refusal, text));
	else
		return true;
	return false;
}

/* All servers that the user names have to be usable. Of those that are announced, the others are left out: anybody can
 * announce one. */
static int check(const char *program, struct options *o, struct gw_inventory_server *found)
{
	size_t n = 0;
	gw_inventory_print(stderr, found, o->servers.n);
	for (size_t i = 0; i < o->servers.n; i++) {
		struct gw_inventory_server server = found[i];
		if (is_usable(program, &server)) {
			found[n] = server;
			o->servers.endpoints[n++] = server.endpoint;
		} else {
			gw_inventory_free(&server, 1);
			found[i] = (struct gw_inventory_server){0};
		}
	}
	bool enough = o->servers.announced ? n > 0 : n == o->servers.n;
	if (n < o->servers.n && enough)
		gw_verb_complain(program, 0, "going on with the other %zu of %zu servers", n, o->servers.n);
	o->servers.n = n;
	return enough ? GW_VERB_GOES_ON : GW_EXIT_UNREACHABLE;
}

/* The plug-in of the build tree that this program is in, or the installed one. False if there is none. */
static bool find_plugin(char *out, size_t size)
{
	char here[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", here, sizeof(here) - 1);
	here[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(here, '/');
	if (slash) {
		*slash = '\0';
		snprintf(out, size, "%s/../lib/" PLUGIN, here);
		if (access(out, R_OK) == 0)
			return true;
	}
	snprintf(out, size, "%s/" PLUGIN, GGWIRE_PLUGIN_DIR);
	return GGWIRE_PLUGIN_DIR[0] && access(out, R_OK) == 0;
}

/* What the user has set stays, but for the servers. */
static int prepare(const char *program, const struct options *o)
{
	char plugin[2 * PATH_MAX], list[GW_SERVERS_MAX * 300] = "";
	char *end = list;
	for (size_t i = 0; i < o->servers.n && end < list + sizeof(list); i++)
		end += snprintf(
			end, (size_t)(list + sizeof(list) - end), "%s%s", i > 0 ? "," : "", o->servers.endpoints[i]);
	if (!getenv("GGML_BACKEND_PATH") && !find_plugin(plugin, sizeof(plugin)))
		return gw_verb_complain(program, GW_EXIT_FINDING,
			PLUGIN " is neither beside this program nor in %s; name it in GGML_BACKEND_PATH",
			GGWIRE_PLUGIN_DIR);
	if ((!getenv("GGML_BACKEND_PATH") && setenv("GGML_BACKEND_PATH", plugin, 1)) ||
		setenv("GGML_RPC_SERVERS", list, 1) || setenv("GGML_RPC_REQUIRED", "1", 0) ||
		setenv("GGML_RPC_ON_LOSS", "exit", 0))
		return gw_verb_complain(program, GW_EXIT_FINDING, "the environment cannot be set: %s", strerror(errno));
	return GW_VERB_GOES_ON;
}

/* Adds the shares to the program's arguments where it takes them. */
static int fit(const char *program, struct options *o, const struct gw_inventory_server *found)
{
	char *shares = gw_fit_shares(found, o->servers.n);
	if (!shares)
		return gw_verb_complain(program, GW_EXIT_FINDING, "out of memory");
	bool applies = gw_fit_applies(o->argv[0]);
	gw_verb_complain(program, 0, "%s: -ts %s", applies ? "adding" : "a llama.cpp program would be given", shares);
	char **more = applies ? gw_fit_arguments(o->argv, shares) : o->argv;
	if (!more)
		return gw_verb_complain(program, GW_EXIT_FINDING, "out of memory");
	o->argv = more;
	return GW_VERB_GOES_ON;
}

static int go(const char *program, struct options *o)
{
	static struct gw_inventory_server found[GW_SERVERS_MAX];
	gw_inventory_take(o->servers.endpoints, o->servers.n, o->mode, o->timeout_s, found);
	int rc = check(program, o, found);
	if (rc == GW_VERB_GOES_ON)
		rc = prepare(program, o);
	if (rc == GW_VERB_GOES_ON && o->fit)
		rc = fit(program, o, found);
	gw_inventory_free(found, o->servers.n);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (o->restart)
		return gw_restart_run(program, o->argv, &o->servers, o->mode);
	fflush(NULL);
	execvp(o->argv[0], o->argv);
	return gw_verb_complain(program, 127, "%s: %s", o->argv[0], strerror(errno));
}

int gw_run_main(const char *program, int argc, char **argv)
{
	struct options o;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	gw_verb_hush();
	rc = go(program, &o);
	gw_servers_free(&o.servers);
	return rc;
}
