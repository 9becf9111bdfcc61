#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dump/message.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "daemon/config/option_values.h"
#include "wire/command.h"
#include "wire/message.h"
#include "wire/recording.h"

#define COMMANDS 256

struct options {
	bool nodes;
	const struct gw_dialect *dialect; /* NULL = what the answer to HELLO says */
	const char *path;
};

/* How often a command was seen, and how much its messages took. */
struct total {
	unsigned count;
	size_t sent, received; /* bytes */
};

static const char usage[] =
	"[options] FILE\n"
	"\n"
	"Prints the messages of a recorded connection.\n"
	"\n" GW_VERB_HELP "  -n, --nodes             list the nodes of graphs\n"
	"      --proto VERSION     read it as this protocol version; default: the one in the server's reply to\n"
	"                          HELLO\n";

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const char *proto = NULL;
	struct gw_error err;
	const struct gw_verb_option known[] = {
		{"nodes", 'n', .flag = &o->nodes},
		{"proto", .text = &proto},
	};
	int first;
	*o = (struct options){0};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (proto && gw_option_proto(proto, &o->dialect, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "--proto: %s", err.text);
	return gw_verb_argument(program, argc, argv, first, "file", &o->path);
}

/* The version that the server announces; its reply has the same layout in all versions. NULL without one. */
static const struct gw_dialect *announced(struct gw_recording recording)
{
	struct gw_exchange x;
	struct gw_wire_hello_rsp hello;
	if (gw_recording_next(&recording, &gw_dialect_newest, &x) != GW_RECORDING_EXCHANGE || x.cmd != GW_CMD_HELLO ||
		!gw_wire_hello_rsp_decode(x.reply, x.reply_size, &hello))
		return NULL;
	return gw_dialect_for(hello.version, NULL);
}

/* False if a body is malformed for its command. */
static bool print_exchange(unsigned number, const struct gw_dialect *dialect, const struct gw_exchange *x, bool nodes,
	struct total totals[COMMANDS])
{
	struct total *t = &totals[x->cmd];
	t->count++;
	t->sent += GW_REQUEST_HEADER + x->request_size;
	printf("%5u > %s ", number, gw_cmd_name(x->cmd));
	bool good = gw_dump_request(stdout, dialect, x, nodes);
	if (x->answered == GW_REPLY_NONE)
		return good;
	t->received += GW_REPLY_HEADER + x->reply_size;
	printf("%5u < %s ", number, gw_cmd_name(x->cmd));
	return gw_dump_reply(stdout, dialect, x) && good;
}

static void print_totals(const struct total totals[COMMANDS])
{
	printf("\n%-20s %8s %12s %12s\n", "command", "messages", "bytes >", "bytes <");
	for (unsigned cmd = 0; cmd < COMMANDS; cmd++)
		if (totals[cmd].count)
			printf("%-20s %8u %12zu %12zu\n", gw_cmd_name(cmd), totals[cmd].count, totals[cmd].sent,
				totals[cmd].received);
}

static int complain(const char *program, const char *path, const struct gw_dialect *dialect, const char *what)
{
	const struct gw_version *v = &dialect->version;
	return gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s, or the conversation is not in protocol %u.%u.%u",
		path, what, v->major, v->minor, v->patch);
}

static int print_all(const char *program, const struct options *o, struct gw_recording *recording, bool cut)
{
	const struct gw_dialect *dialect = o->dialect ? o->dialect : announced(*recording);
	struct total totals[COMMANDS] = {0};
	struct gw_exchange x;
	enum gw_recording_step step;
	bool good = true;
	if (!dialect)
		return gw_verb_complain(program, GW_EXIT_FINDING,
			"%s: it announces no known protocol version: give one with --proto", o->path);
	for (unsigned n = 1; (step = gw_recording_next(recording, dialect, &x)) == GW_RECORDING_EXCHANGE; n++)
		good = print_exchange(n, dialect, &x, o->nodes, totals) && good;
	print_totals(totals);
	if (cut)
		return gw_verb_complain(program, GW_EXIT_FINDING,
			"%s: the recording is cut off; all messages that are whole are above", o->path);
	if (step != GW_RECORDING_END)
		return complain(program, o->path, dialect, "it ends in the middle of a message");
	return good ? GW_EXIT_GOOD : complain(program, o->path, dialect, "some messages are damaged");
}

int gw_dump_main(const char *program, int argc, char **argv)
{
	struct options options;
	struct gw_recording recording;
	int rc = parse(program, argc, argv, &options);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	struct gw_error err;
	bool cut;
	if (gw_recording_open(&recording, options.path, &cut, &err))
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s", options.path, err.text);
	int status = print_all(program, &options, &recording, cut);
	gw_recording_free(&recording);
	return status;
}
