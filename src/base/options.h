/* The options of a command line, from a table: getopt's work, and its complaints as errors. */
#ifndef GW_BASE_OPTIONS_H
#define GW_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define GW_OPTIONS_MAX 64

struct gw_option {
	const char *name; /* as in --name */
	char letter;      /* as in -n, 0 = none */
	bool takes_value;
};

/* Takes table[which]; value is a part of argv, NULL for an option without one. Sets *stop to leave the rest alone. What
 * it says of a value is prefixed with the option's name. */
typedef enum gw_status gw_option_take(void *user, size_t which, const char *value, bool *stop, struct gw_error *err);

/* Parses the options of argv, skipping its first word, and moves the other arguments after them. *first is
 * the index of the first of these. n is at most GW_OPTIONS_MAX. Errors: GW_ERR_INVALID for an unknown option, a value
 * that is missing or too many; what take returns. Uses getopt_long: not for several threads at once. */
enum gw_status gw_options_walk(const struct gw_option *table, size_t n, int argc, char **argv, gw_option_take *take,
	void *user, int *first, struct gw_error *err);

#endif
