/* What the verbs that ask servers have in common: exit statuses, their options' mistakes, and how they speak. */
#ifndef GW_CLI_VERB_H
#define GW_CLI_VERB_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/status.h"

#define GW_EXIT_GOOD 0
#define GW_EXIT_FINDING 1 /* what was asked for could not be had, or something was found */
#define GW_EXIT_USAGE 2

#define GW_VERB_TEXT 512

/* Writes "program: text" on standard error, safe for a terminal, and returns exit_status. */
int gw_verb_complain(const char *program, int exit_status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What getopt_long disliked: a complaint; returns GW_EXIT_USAGE. opterr must be 0, and ':' first in short_options. */
int gw_verb_refuse_option(const char *program, int verdict, char **argv, const char *short_options);

/* Reads a number of digits and at most one point. False if it is none, or not between min and max. */
bool gw_verb_number(const char *text, double min, double max, double *out);

/* From here on what the layers below log is kept from standard error: errors are remembered for gw_verb_last_error,
 * the rest is dropped, or written if the environment asks for debugging. Before threads exist. */
void gw_verb_hush(void);

/* The last error that was logged, or "". Call while no other thread logs. */
const char *gw_verb_last_error(void);

/* Ends j, writes what it holds on standard output and frees the buffer. */
enum gw_status gw_verb_print_json(struct gw_json *j);

/* Writes bytes as a person reads them: "23.4 GiB". Returns out. */
#define GW_VERB_SIZE 32
const char *gw_verb_size_text(uint64_t bytes, char out[GW_VERB_SIZE]);

#endif
