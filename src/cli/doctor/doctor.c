#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor/checks.h"
#include "cli/servers.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "ggml/bind.h"
#include "transport/list/transports.h"

#define DEFAULT_TIMEOUT_S 5.0
#define MAX_TIMEOUT_S 3600.0

struct options {
	bool json;
	double timeout_s;
	struct gw_servers servers; /* none: this machine alone */
	const char *host;          /* a directory of ggml's libraries to look at, and nothing else; NULL: none */
};

static const char usage[] =
	"[options] [ENDPOINT...]\n"
	"       ggwire doctor --host DIR\n"
	"\n"
	"Looks at this machine, and at the way to each server: ggml, its devices and plug-ins, RDMA, TLS, the\n"
	"kernel's limits, versions. Each line is ok, warning or problem, with the reason and what to do. Servers are\n"
	"those of the command line, or those in GGML_RPC_SERVERS.\n"
	"\n" GW_VERB_HELP "  -W, --timeout SECONDS   how long to wait for an answer (default: 5)\n" GW_VERB_JSON
	"      --host DIR          check only the ggml whose libraries are in DIR: its version and layout, whether\n"
	"                          ggwire's plug-in loads there, and which RPC plug-in programs would use\n";

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const struct gw_verb_option known[] = {
		{"timeout", 'W', .seconds = &o->timeout_s, .min = 0.1, .max = MAX_TIMEOUT_S},
		{"json", 'j', .flag = &o->json},
		{"host", 0, .text = &o->host},
	};
	int first;
	*o = (struct options){.timeout_s = DEFAULT_TIMEOUT_S};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (o->host && first < argc)
		return gw_verb_complain(program, GW_EXIT_USAGE, "--host checks a directory: no endpoint is expected");
	return gw_servers_take_named(program, argc, argv, first, &o->servers);
}

/* The directory of this program. */
static bool find_program(char out[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
	if (len <= 0)
		return false;
	out[len] = 0;
	*strrchr(out, '/') = 0;
	return true;
}

/* The backends of the ggml that this program has loaded. */
static bool find_backends(char out[PATH_MAX])
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof(dir), "%s", gw_ggml_path());
	char *slash = strrchr(dir, '/');
	if (!slash)
		return false;
	*slash = '\0';
	gw_doctor_backends(dir, out);
	return true;
}

/* Where ggml looks for backends: its own directory, next to the program, and the current directory. Which program that
 * will be is unknown, so this program's directory is used. */
static void look_for_plugins(struct gw_findings *f)
{
	char program[PATH_MAX], here[PATH_MAX], backends[PATH_MAX];
	const char *dirs[4] = {NULL};
	size_t n = 0;
	if (GGWIRE_PLUGIN_DIR[0])
		dirs[n++] = GGWIRE_PLUGIN_DIR;
	else if (find_backends(backends))
		dirs[n++] = backends;
	if (find_program(program))
		dirs[n++] = program;
	if (getcwd(here, sizeof(here)) && (n == 0 || (strcmp(here, dirs[0]) != 0 && strcmp(here, dirs[n - 1]) != 0)))
		dirs[n++] = here;
	gw_doctor_plugins(dirs, f);
}

/* ggwire's plug-in where an archive or a package has it. */
static bool find_ours(char out[PATH_MAX])
{
	static const char name[] = "libggml-rpc-ggwire.so";
	char program[PATH_MAX];
	if (find_program(program) && (size_t)snprintf(out, PATH_MAX, "%s/../lib/%s", program, name) < PATH_MAX &&
		access(out, R_OK) == 0)
		return true;
	return (size_t)snprintf(out, PATH_MAX, "%s/%s", GGWIRE_PLUGIN_DIR, name) < PATH_MAX && access(out, R_OK) == 0;
}

static void look_at_host(const struct options *o, struct gw_findings *f)
{
	char ours[PATH_MAX];
	if (!gw_doctor_ggml(o->host, f))
		return;
	gw_doctor_devices(o->host, f);
	gw_doctor_host_plugins(o->host, find_ours(ours) ? ours : NULL, f);
}

static void look(const struct options *o, struct gw_findings *f)
{
	const struct gw_sources sources = {.sys = "/sys", .proc = "/proc", .dev = "/dev"};
	struct gw_doctor_path path = {0};
	struct gw_error why;
	bool has_library = gw_transport_upgrade->check(&why) == GW_OK;
	gw_doctor_build(&sources, f);
	if (gw_doctor_ggml(NULL, f)) {
		gw_doctor_devices(NULL, f);
		look_for_plugins(f);
	}
	for (size_t i = 0; i < o->servers.n; i++) {
		struct gw_doctor_path way = {0};
		gw_doctor_server(o->servers.endpoints[i], o->timeout_s, &way, f);
		if (!path.connected)
			path = way;
	}
	gw_doctor_rdma(&sources, &path, has_library ? NULL : why.text, f);
	gw_doctor_tls(f);
	gw_doctor_sockets(&sources, &path, f);
	gw_doctor_governor(&sources, f);
}

static void print_json(const struct options *o, const struct gw_findings *f, bool good)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_array(&j, "endpoints");
	for (size_t i = 0; i < o->servers.n; i++)
		gw_json_text(&j, NULL, o->servers.endpoints[i]);
	gw_json_array_end(&j);
	gw_json_bool(&j, "good", good);
	gw_findings_json(&j, "findings", f);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}

int gw_doctor_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_findings f = {0};
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	gw_verb_hush();
	if (o.host)
		look_at_host(&o, &f);
	else
		look(&o, &f);
	bool good = !gw_findings_have(&f, GW_FINDING_WARNING) && !f.incomplete;
	if (o.json)
		print_json(&o, &f, good);
	else
		gw_findings_print(&f);
	if (f.incomplete)
		gw_verb_complain(program, GW_EXIT_FINDING, "out of memory: lines are missing");
	gw_findings_free(&f);
	gw_servers_free(&o.servers);
	return good ? GW_EXIT_GOOD : GW_EXIT_FINDING;
}
