#include "cli/doctor/sources.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool join(char out[PATH_MAX], const char *root, const char *fmt, va_list ap)
{
	size_t used = (size_t)snprintf(out, PATH_MAX, "%s/", root);
	if (used >= PATH_MAX)
		return false;
	int n = vsnprintf(out + used, PATH_MAX - used, fmt, ap);
	return n >= 0 && (size_t)n < PATH_MAX - used;
}

static void trim(char *line)
{
	for (size_t n = strlen(line); n > 0 && strchr(" \t\r\n", line[n - 1]); n--)
		line[n - 1] = 0;
}

bool gw_source_line(char *out, size_t size, const char *root, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	bool fits = join(path, root, fmt, ap);
	va_end(ap);
	FILE *f = fits ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	bool read = fgets(out, (int)size, f) != NULL;
	fclose(f);
	if (read)
		trim(out);
	return read;
}

bool gw_source_find(char *out, size_t size, const char *root, const char *path, const char *label)
{
	char full[PATH_MAX], line[512];
	size_t len = strlen(label);
	bool found = false;
	if ((size_t)snprintf(full, sizeof(full), "%s/%s", root, path) >= sizeof(full))
		return false;
	FILE *f = fopen(full, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, label, len) != 0)
			continue;
		trim(line);
		snprintf(out, size, "%s", line + len + strspn(line + len, " \t"));
		found = true;
	}
	fclose(f);
	return found;
}

bool gw_source_exists(const char *root, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	bool fits = join(path, root, fmt, ap);
	va_end(ap);
	return fits && access(path, F_OK) == 0;
}

static int compare(const void *a, const void *b)
{
	/* 2 before 10, as ports and indices are. */
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct gw_source_names *names, const char *name)
{
	char **more = reallocarray((void *)names->names, names->n + 1, sizeof(*more));
	char *copy = more ? strdup(name) : NULL;
	if (more)
		names->names = more;
	if (copy)
		more[names->n++] = copy;
}

struct gw_source_names gw_source_list(const char *root, const char *fmt, ...)
{
	struct gw_source_names names = {0};
	char path[PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	bool fits = join(path, root, fmt, ap);
	va_end(ap);
	DIR *dir = fits ? opendir(path) : NULL;
	if (!dir)
		return names;
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.')
			add(&names, e->d_name);
	closedir(dir);
	if (names.n > 1)
		qsort((void *)names.names, names.n, sizeof(*names.names), compare);
	return names;
}

void gw_source_names_free(struct gw_source_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i]);
	free((void *)names->names);
	*names = (struct gw_source_names){0};
}
