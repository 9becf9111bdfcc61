#include "base/options.h"

#include <getopt.h>
#include <string.h>

/* What getopt returns for a long option: its index in the table, after all letters. */
#define LONG_OPTION 256

/* getopt's view of a table. */
struct getopt_tables {
	char letters[2 * GW_OPTIONS_MAX + 2];
	struct option names[GW_OPTIONS_MAX + 1];
};

static void make_tables(const struct gw_option *table, size_t n, struct getopt_tables *t)
{
	char *letter = t->letters;
	memset(t, 0, sizeof(*t));
	*letter++ = ':';
	for (size_t i = 0; i < n; i++) {
		const struct gw_option *o = &table[i];
		int has = o->takes_value ? required_argument : no_argument;
		t->names[i] = (struct option){o->name, has, NULL, LONG_OPTION + (int)i};
		if (o->letter)
			*letter++ = o->letter;
		if (o->letter && o->takes_value)
			*letter++ = ':';
	}
}

/* What getopt disliked. It names a short option by its letter, and a long one by its place. */
static enum gw_status refused(int verdict, char **argv, struct gw_error *err)
{
	char letter[] = {'-', (char)optopt, 0};
	const char *last = argv[optind - 1];
	if (verdict == ':')
		return gw_error_set(
			err, GW_ERR_INVALID, "option %s needs a value", strncmp(last, "--", 2) == 0 ? last : letter);
	if (optopt == 0)
		return gw_error_set(err, GW_ERR_INVALID, "unknown option: %s", last);
	if (optopt >= LONG_OPTION)
		return gw_error_set(err, GW_ERR_INVALID, "option takes no value: %s", last);
	return gw_error_set(err, GW_ERR_INVALID, "unknown option: %s", letter);
}

static size_t place_of(const struct gw_option *table, int option)
{
	size_t i = 0;
	if (option >= LONG_OPTION)
		return (size_t)(option - LONG_OPTION);
	while (table[i].letter != (char)option)
		i++;
	return i;
}

enum gw_status gw_options_walk(const struct gw_option *table, size_t n, int argc, char **argv, gw_option_take *take,
	void *user, int *first, struct gw_error *err)
{
	struct getopt_tables t;
	bool stop = false;
	if (n > GW_OPTIONS_MAX)
		return gw_error_set(err, GW_ERR_INVALID, "%zu options are too many", n);
	make_tables(table, n, &t);
	opterr = 0;
	optind = 1;
	while (!stop) {
		int option = getopt_long(argc, argv, t.letters, t.names, NULL);
		if (option == -1)
			break;
		if (option == '?' || option == ':')
			return refused(option, argv, err);
		size_t i = place_of(table, option);
		if (take(user, i, optarg, &stop, err))
			return gw_error_prefix(err, "--%s", table[i].name);
	}
	*first = optind;
	return GW_OK;
}
