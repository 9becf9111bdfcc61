/* ggwire: dispatches to the subcommands. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>

#include "cli/suggest.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "daemon/announce/announce_run.h"
#include "daemon/serve.h"
#include "daemon/status/http_process.h"
#include "daemon/workers/pairing_run.h"
#include "daemon/workers/worker.h"
#include "ggml/bind.h"
#include "transport/tls/tls.h"
#include "version.h"
#include "wire/dialect.h"

/* GGWIRE_FEATURES that are there, or are not. */
static void print_features(const char *title, bool there)
{
	const char *before = title;
#define PRINT(name, has, package, purpose)     \
	if ((has) == there) {                  \
		printf("%s %s", before, name); \
		before = "";                   \
	}
	GGWIRE_FEATURES(PRINT)
#undef PRINT
	if (!before[0])
		putchar('\n');
}

static int print_version(void)
{
	const struct gw_version *v = &gw_dialect_newest.version;
	char tls[320];
	printf("ggwire %s\n", GGWIRE_VERSION);
	printf("RPC protocol %u.%u.%u\n", v->major, v->minor, v->patch);
	struct gw_error err;
	if (gw_ggml_load(NULL, &err) == GW_OK)
		printf("%s, %s\n", gw_ggml_text(), gw_ggml_path());
	else
		printf("ggml: %s\n", err.text);
	gw_tls_describe(tls, sizeof(tls));
	printf("TLS: %s\n", tls);
	print_features("features:", true);
	print_features("not in this build:", false);
	return GW_EXIT_GOOD;
}

struct verb {
	const char *name;
	const char *program; /* what its messages begin with */
	int (*main)(const char *program, int argc, char **argv);
	const char *summary;
};

static const struct verb verbs[] = {
	{"serve", "ggwire serve", gw_serve_main, "lend this machine's devices to ggml programs on other machines"},
	{"key", "ggwire key", gw_key_main, "manage the keys of a server's clients"},
	{"run", "ggwire run", gw_run_main, "run a program with the devices of servers"},
	{"discover", "ggwire discover", gw_discover_main, "list the servers that are announced on the network"},
	{"devices", "ggwire devices", gw_devices_main, "list the devices of servers, with a command line for them"},
	{"ping", "ggwire ping", gw_ping_main, "measure round trips to a server, and say what it is"},
	{"bench", "ggwire bench", gw_bench_main, "measure what a server and the way to it can do"},
	{"doctor", "ggwire doctor", gw_doctor_main, "say what is right and wrong here, and on the way to a server"},
	{"status", "ggwire status", gw_status_main, "show what a server is doing, and for whom"},
	{"top", "ggwire top", gw_top_main, "watch servers and their clients"},
	{"record", "ggwire record", gw_record_main, "record the messages between clients and a server"},
	{"dump", "ggwire dump", gw_dump_main, "print a recorded conversation"},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int print_help(FILE *to)
{
	fprintf(to, "Usage: ggwire COMMAND [options]\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(to, "  %-14s  %s\n", verbs[i].name, verbs[i].summary);
	fprintf(to,
		"  help [COMMAND]  show this help, or that of a command\n"
		"\n"
		"  -h, --help      show this help and exit\n"
		"  -V, --version   show the versions of ggwire, of the protocol, and of ggml; also: ggwire version\n");
	return to == stdout ? GW_EXIT_GOOD : GW_EXIT_USAGE;
}

static int unknown(const char *word)
{
	const char *names[N_VERBS + 2] = {"help", "version"};
	for (size_t i = 0; i < N_VERBS; i++)
		names[i + 2] = verbs[i].name;
	const char *meant = gw_suggest(word, names, N_VERBS + 2);
	if (meant)
		return gw_verb_complain("ggwire", GW_EXIT_USAGE, "unknown command: %s; did you mean %s?", word, meant);
	return gw_verb_complain("ggwire", GW_EXIT_USAGE, "unknown %s: %s (see ggwire --help)",
		word[0] == '-' ? "option" : "command", word);
}

static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *ask[] = {argv[0], option, NULL};
	if (argc < 2 || strcmp(argv[1], "help") == 0)
		return print_help(stdout);
	const struct verb *verb = find(argv[1]);
	return verb ? verb->main(verb->program, 2, ask) : unknown(argv[1]);
}

/* Whether the program was started by a name of the stock server. */
static bool is_stock_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return strcmp(name, "ggml-rpc-server") == 0 || strcmp(name, "rpc-server") == 0;
}

static int dispatch(int argc, char **argv)
{
	const char *command = argv[0];
	const struct verb *verb = find(command);
	if (verb)
		return verb->main(verb->program, argc, argv);
	if (strcmp(command, "worker") == 0 || strcmp(command, "index") == 0 || strcmp(command, "keeper") == 0)
		return gw_worker_main();
	if (strcmp(command, "http") == 0)
		return gw_http_main();
	if (strcmp(command, "announce") == 0)
		return gw_announce_main();
	if (strcmp(command, "pair") == 0)
		return gw_pairing_main();
	if (strcmp(command, "help") == 0)
		return help(argc, argv);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return print_help(stdout);
	if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0 || strcmp(command, "version") == 0)
		return print_version();
	return unknown(command);
}

/* What was printed may still be in memory, and a disk may be full. */
static int finish(int rc)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	(void)gw_verb_complain(
		"ggwire", 0, "cannot write to standard output%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
	return rc == GW_EXIT_GOOD ? GW_EXIT_FINDING : rc;
}

int main(int argc, char **argv)
{
	if (argc > 0 && is_stock_name(argv[0]))
		return finish(gw_serve_main(argv[0], argc, argv));
	if (argc < 2)
		return print_help(stderr);
	return finish(dispatch(argc - 1, argv + 1));
}
