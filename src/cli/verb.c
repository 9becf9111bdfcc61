#include "cli/verb.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/text.h"

int gw_verb_complain(const char *program, int exit_status, const char *fmt, ...)
{
	char text[GW_VERB_TEXT], safe[GW_VERB_TEXT];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", program, gw_text_safe(text, safe, sizeof(safe)));
	return exit_status;
}

/* Digits and at most one point, between min and max. */
static bool read_number(const char *text, double min, double max, double *out)
{
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	if (*rest == '.')
		digits += strspn(++rest, "0123456789"), rest += strspn(rest, "0123456789");
	if (digits == 0 || digits > 15 || *rest)
		return false;
	double value = strtod(text, NULL);
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

static enum gw_status take_whole(const struct gw_verb_option *o, const char *text, struct gw_error *err)
{
	double value;
	if (!read_number(text, o->min, o->max, &value) || strchr(text, '.'))
		return gw_error_set(
			err, GW_ERR_INVALID, "'%s' is not a number from %.0f to %.0f", text, o->min, o->max);
	*o->whole = (uint64_t)value;
	return GW_OK;
}

/* With or without the unit: "2", "2s". */
static enum gw_status take_seconds(const struct gw_verb_option *o, const char *text, struct gw_error *err)
{
	char number[32];
	size_t len = strlen(text);
	if (len > 1 && text[len - 1] == 's' && len < sizeof(number))
		len--;
	if (len >= sizeof(number))
		len = 0;
	memcpy(number, text, len);
	number[len] = '\0';
	if (!read_number(number, o->min, o->max, o->seconds))
		return gw_error_set(
			err, GW_ERR_INVALID, "'%s' is not a number of seconds from %g to %g", text, o->min, o->max);
	return GW_OK;
}

/* A verb's options. The help, which all have, is in front of them. */
struct walk {
	const struct gw_verb_option *options;
	bool help;
};

/* A gw_option_take. */
static enum gw_status take(void *user, size_t which, const char *value, bool *stop, struct gw_error *err)
{
	struct walk *walk = user;
	const struct gw_verb_option *o = walk->options + which - 1;
	if (which == 0)
		*stop = walk->help = true;
	else if (o->whole)
		return take_whole(o, value, err);
	else if (o->seconds)
		return take_seconds(o, value, err);
	else if (o->text)
		*o->text = value;
	else
		*o->flag = true;
	return GW_OK;
}

int gw_verb_options(const char *program, int argc, char **argv, const char *usage, const struct gw_verb_option *options,
	size_t n, int *first)
{
	struct gw_option table[GW_OPTIONS_MAX] = {{"help", 'h', false}};
	struct walk walk = {.options = options};
	struct gw_error err;
	assert(n < GW_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		table[i + 1] = (struct gw_option){options[i].name, options[i].letter, !options[i].flag};
	if (gw_options_walk(table, n + 1, argc, argv, take, &walk, first, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "%s", err.text);
	if (!walk.help)
		return GW_VERB_GOES_ON;
	printf("Usage: %s %s", program, usage);
	return GW_EXIT_GOOD;
}

int gw_verb_argument(const char *program, int argc, char **argv, int first, const char *what, const char **argument)
{
	if (argc - first != 1)
		return gw_verb_complain(program, GW_EXIT_USAGE, "one %s is expected, not %d", what, argc - first);
	*argument = argv[first];
	return GW_VERB_GOES_ON;
}

static void hushed(enum gw_log_level level, const char *line, void *user)
{
	(void)user;
	if (level != GW_LOG_ERROR && gw_log_enabled(GW_LOG_DEBUG))
		fprintf(stderr, "%s\n", line);
}

void gw_verb_hush(void)
{
	gw_log_set_sink(hushed, NULL);
}

int gw_verb_mode(const char *program, enum gw_transport_mode *mode)
{
	struct gw_error err;
	if (gw_transport_mode_from_env(mode, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "%s", err.text);
	return GW_VERB_GOES_ON;
}

enum gw_status gw_verb_print_json(struct gw_json *j)
{
	struct gw_buf *out = j->out;
	enum gw_status status = gw_json_end(j);
	if (status == GW_OK && (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout)))
		status = GW_ERR_SYSTEM;
	gw_buf_free(out);
	return status;
}

void gw_verb_print_failure(const char *endpoint, const char *error)
{
	struct gw_buf out = {0};
	struct gw_json j;
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_text(&j, "endpoint", endpoint);
	gw_json_null(&j, "server");
	gw_json_text(&j, "error", error);
	gw_json_object_end(&j);
	(void)gw_verb_print_json(&j);
}
