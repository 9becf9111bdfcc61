/* What the verbs that ask servers have in common: exit statuses, their options' mistakes, and how they speak. */
#ifndef GW_CLI_VERB_H
#define GW_CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/status.h"
#include "transport/mode.h"

#define GW_EXIT_GOOD 0
#define GW_EXIT_FINDING 1 /* what was asked for could not be had, or something was found */
#define GW_EXIT_USAGE 2
#define GW_VERB_GOES_ON (-1) /* not an exit status: nothing has ended the verb yet */

#define GW_VERB_TEXT 512

/* Writes "program: text" on standard error, safe for a terminal, and returns exit_status. */
int gw_verb_complain(const char *program, int exit_status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An option of a verb, and where its value goes: one of flag, seconds, whole and text is not NULL. */
struct gw_verb_option {
	const char *name; /* as in --name */
	char letter;      /* as in -n, 0 = none */
	bool *flag;       /* the option takes no value */
	double *seconds;  /* from min to max */
	uint64_t *whole;  /* from min to max */
	const char **text;
	double min, max;
};

/* Every verb has this option, and need not list it: it prints the usage. */
#define GW_VERB_HELP "  -h, --help              show this help and exit\n"
#define GW_VERB_ENDPOINT                                                                                              \
	"ENDPOINT is HOST, HOST:PORT, [IPV6]:PORT or unix:PATH; the default port is 50052. Without one: the server\n" \
	"in GGML_RPC_SERVERS, one that is announced on the network, or localhost.\n"
#define GW_VERB_ENDPOINTS                                                                                              \
	"ENDPOINT is HOST, HOST:PORT, [IPV6]:PORT or unix:PATH; the default port is 50052. Several are separated by\n" \
	"commas or blanks. Without one: those in GGML_RPC_SERVERS, those that are announced on the network, or\n"      \
	"localhost. auto: those that are announced.\n"
#define GW_VERB_JSON "  -j, --json              print one JSON object\n"

/* Reads a verb's options, fewer than GW_OPTIONS_MAX. *first is the index of the first argument after them. usage is
 * the help without "Usage: program ". Returns GW_VERB_GOES_ON, or an exit status: after printing the help, or a
 * complaint about a mistake. */
int gw_verb_options(const char *program, int argc, char **argv, const char *usage, const struct gw_verb_option *options,
	size_t n, int *first);

/* Takes the one argument, a "what", that follows a verb's options, from argv[first]. Results as gw_verb_options. */
int gw_verb_argument(const char *program, int argc, char **argv, int first, const char *what, const char **argument);

/* From here on the log of the layers below stays off standard error, unless the environment asks for debugging: their
 * errors say the same. Before threads exist. */
void gw_verb_hush(void);

/* The transports that the environment allows. Results as gw_verb_options. */
int gw_verb_mode(const char *program, enum gw_transport_mode *mode);

/* Ends j, writes what it holds on standard output and frees the buffer. */
enum gw_status gw_verb_print_json(struct gw_json *j);

/* Prints the JSON object of a verb that failed before it had anything to tell: the members "endpoint", "server" (null)
 * and "error". */
void gw_verb_print_failure(const char *endpoint, const char *error);

#endif
