/* The files in which the kernel tells about this machine. Tests put a tree of their own there. */
#ifndef GW_CLI_DOCTOR_SOURCES_H
#define GW_CLI_DOCTOR_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_sources {
	const char *sys;  /* "/sys" */
	const char *proc; /* "/proc" */
	const char *dev;  /* "/dev" */
};

/* Reads the first line of root/path, without blanks at its end. False if there is no such file. */
bool gw_source_line(char *out, size_t size, const char *root, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The rest of the first line of root/path that begins with label, without blanks around it. */
bool gw_source_find(char *out, size_t size, const char *root, const char *path, const char *label);

bool gw_source_exists(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Names in a directory, sorted, without those that begin with a dot. names is freed with gw_source_names_free. */
struct gw_source_names {
	char **names;
	size_t n;
};
struct gw_source_names gw_source_list(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gw_source_names_free(struct gw_source_names *names);

#endif
