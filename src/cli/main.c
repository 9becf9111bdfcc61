/* ggwire: dispatches to the subcommands. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>

#include "cli/dump.h"
#include "cli/record.h"
#include "cli/serve.h"
#include "cli/worker.h"
#include "version.h"
#include "wire/dialect.h"

#define EXIT_USAGE 2

static int print_version(void)
{
	const struct gw_version *v = &gw_dialect_8_0.version;
	printf("ggwire %s\n", GGWIRE_VERSION);
	printf("RPC protocol %u.%u.%u\n", v->major, v->minor, v->patch);
	printf("ggml %s (%s)\n", ggml_version(), ggml_commit());
	return EXIT_SUCCESS;
}

static int print_help(FILE *to)
{
	fprintf(to, "Usage: ggwire COMMAND [options]\n"
		    "\n"
		    "  serve           lend this machine's devices to ggml programs on other machines\n"
		    "  record          write down what clients and a server say to each other\n"
		    "  dump            print a recorded conversation\n"
		    "  help [COMMAND]  show this help, or that of a command\n"
		    "\n"
		    "  -h, --help      show this help and exit\n"
		    "      --version   show the versions of ggwire, of the protocol, and of ggml\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int unknown(const char *word)
{
	fprintf(stderr, "ggwire: unknown %s: %s (see ggwire --help)\n", word[0] == '-' ? "option" : "command", word);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *ask[] = {argv[0], option, NULL};
	if (argc < 2)
		return print_help(stdout);
	if (strcmp(argv[1], "serve") == 0)
		return gw_serve_main("ggwire serve", 2, ask);
	if (strcmp(argv[1], "record") == 0)
		return gw_record_main("ggwire record", 2, ask);
	if (strcmp(argv[1], "dump") == 0)
		return gw_dump_main("ggwire dump", 2, ask);
	return unknown(argv[1]);
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
	if (strcmp(command, "serve") == 0)
		return gw_serve_main("ggwire serve", argc, argv);
	if (strcmp(command, "record") == 0)
		return gw_record_main("ggwire record", argc, argv);
	if (strcmp(command, "dump") == 0)
		return gw_dump_main("ggwire dump", argc, argv);
	if (strcmp(command, "worker") == 0 || strcmp(command, "index") == 0)
		return gw_worker_main();
	if (strcmp(command, "help") == 0)
		return help(argc, argv);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return print_help(stdout);
	if (strcmp(command, "--version") == 0)
		return print_version();
	return unknown(command);
}

int main(int argc, char **argv)
{
	if (argc > 0 && is_stock_name(argv[0]))
		return gw_serve_main(argv[0], argc, argv);
	if (argc < 2)
		return print_help(stderr);
	return dispatch(argc - 1, argv + 1);
}
