/* What a look at this machine has found, line by line. */
#ifndef GW_CLI_DOCTOR_FINDINGS_H
#define GW_CLI_DOCTOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum gw_finding_level {
	GW_FINDING_OK,
	GW_FINDING_WARNING, /* works, and could work better */
	GW_FINDING_PROBLEM, /* does not work */
};

struct gw_finding {
	enum gw_finding_level level;
	const char *area; /* what it is about, one word */
	char *text;
	char *advice; /* what to do; NULL = nothing */
};

/* An all-zero struct is empty. Texts may hold what peers and files said: they are made safe when they are printed. */
struct gw_findings {
	struct gw_finding *items;
	size_t n;
	bool incomplete; /* there was no memory for a line */
};

void gw_found(struct gw_findings *f, enum gw_finding_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What to do about the line that was found last. */
void gw_found_advice(struct gw_findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether there is a line of at least that level. */
bool gw_findings_have(const struct gw_findings *f, enum gw_finding_level level);

/* Prints the lines, and one that sums them up. */
void gw_findings_print(const struct gw_findings *f);
void gw_findings_json(struct gw_json *j, const char *key, const struct gw_findings *f);
void gw_findings_free(struct gw_findings *f);

#endif
