#include "cli/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const names[] = {
	[GW_FINDING_OK] = "ok",
	[GW_FINDING_WARNING] = "warning",
	[GW_FINDING_PROBLEM] = "problem",
};

void gw_found(struct gw_findings *f, enum gw_finding_level level, const char *area, const char *fmt, ...)
{
	struct gw_finding *more = reallocarray(f->items, f->n + 1, sizeof(*more));
	char *text = NULL;
	va_list ap;
	if (more)
		f->items = more;
	va_start(ap, fmt);
	if (!more || vasprintf(&text, fmt, ap) < 0)
		f->incomplete = true;
	else
		more[f->n++] = (struct gw_finding){.level = level, .area = area, .text = text};
	va_end(ap);
}

void gw_found_advice(struct gw_findings *f, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (f->n == 0 || f->items[f->n - 1].advice || vasprintf(&text, fmt, ap) < 0)
		f->incomplete = true;
	else
		f->items[f->n - 1].advice = text;
	va_end(ap);
}

bool gw_findings_have(const struct gw_findings *f, enum gw_finding_level level)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].level >= level)
			return true;
	return false;
}

static void print_safe(const char *text)
{
	size_t size = strlen(text) + 1;
	char *safe = malloc(size);
	if (safe)
		fputs(gw_text_safe(text, safe, size), stdout);
	free(safe);
}

static void print_summary(const struct gw_findings *f)
{
	size_t n[GW_FINDING_PROBLEM + 1] = {0};
	for (size_t i = 0; i < f->n; i++)
		n[f->items[i].level]++;
	size_t warnings = n[GW_FINDING_WARNING], problems = n[GW_FINDING_PROBLEM];
	if (warnings + problems == 0)
		printf("summary: all %zu checks are ok\n", f->n);
	else
		printf("summary: %zu problem%s, %zu warning%s, %zu ok\n", problems, problems == 1 ? "" : "s", warnings,
			warnings == 1 ? "" : "s", n[GW_FINDING_OK]);
}

void gw_findings_print(const struct gw_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct gw_finding *line = &f->items[i];
		printf("%-8s %-8s ", names[line->level], line->area);
		print_safe(line->text);
		putchar('\n');
		if (!line->advice)
			continue;
		printf("%-8s %-8s   -> ", "", "");
		print_safe(line->advice);
		putchar('\n');
	}
	print_summary(f);
	fflush(stdout);
}

void gw_findings_json(struct gw_json *j, const char *key, const struct gw_findings *f)
{
	gw_json_array(j, key);
	for (size_t i = 0; i < f->n; i++) {
		gw_json_object(j, NULL);
		gw_json_text(j, "level", names[f->items[i].level]);
		gw_json_text(j, "area", f->items[i].area);
		gw_json_text(j, "text", f->items[i].text);
		gw_json_text(j, "advice", f->items[i].advice);
		gw_json_object_end(j);
	}
	gw_json_array_end(j);
}

void gw_findings_free(struct gw_findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].text);
		free(f->items[i].advice);
	}
	free(f->items);
	*f = (struct gw_findings){0};
}
