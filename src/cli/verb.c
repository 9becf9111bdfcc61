#include "cli/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

static char last_error[GW_VERB_TEXT];

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

int gw_verb_refuse_option(const char *program, int verdict, char **argv, const char *short_options)
{
	char letter[] = {'-', (char)optopt, 0};
	const char *last = argv[optind - 1];
	if (verdict == ':')
		return gw_verb_complain(
			program, GW_EXIT_USAGE, "option %s needs a value", strncmp(last, "--", 2) == 0 ? last : letter);
	if (optopt == 0)
		return gw_verb_complain(program, GW_EXIT_USAGE, "unknown option: %s", last);
	if (strchr(short_options, optopt))
		return gw_verb_complain(program, GW_EXIT_USAGE, "option takes no value: %s", last);
	return gw_verb_complain(program, GW_EXIT_USAGE, "unknown option: %s", letter);
}

bool gw_verb_number(const char *text, double min, double max, double *out)
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

static void hushed(enum gw_log_level level, const char *line, void *user)
{
	(void)user;
	if (level == GW_LOG_ERROR)
		snprintf(last_error, sizeof(last_error), "%s", line);
	else if (gw_log_enabled(GW_LOG_DEBUG))
		fprintf(stderr, "%s\n", line);
}

void gw_verb_hush(void)
{
	last_error[0] = 0;
	gw_log_set_sink(hushed, NULL);
}

const char *gw_verb_last_error(void)
{
	return last_error;
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

const char *gw_verb_size_text(uint64_t bytes, char out[GW_VERB_SIZE])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(out, GW_VERB_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}
