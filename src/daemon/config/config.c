#include "daemon/config/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts the blanks off both ends. */
static char *trim(char *text)
{
	while (is_blank(*text))
		text++;
	size_t len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		text[--len] = 0;
	return text;
}

static void cut_comment(char *line)
{
	for (char *c = line; *c; c++) {
		if (*c == '#' && (c == line || is_blank(c[-1]))) {
			*c = 0;
			return;
		}
	}
}

static enum gw_status take_line(char *line, gw_config_take *take, void *user, struct gw_error *err)
{
	cut_comment(line);
	char *key = trim(line);
	if (!*key)
		return GW_OK;
	char *equals = strchr(key, '=');
	if (!equals || equals == key)
		return gw_error_set(err, GW_ERR_INVALID, "expected 'option = value', not '%s'", key);
	*equals = 0;
	char *value = trim(equals + 1);
	key = trim(key);
	if (!*value)
		return gw_error_set(err, GW_ERR_INVALID, "%s: needs a value", key);
	return take(user, key, value, err);
}

static enum gw_status read_lines(FILE *file, const char *path, gw_config_take *take, void *user, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	for (unsigned number = 1; !status && (len = getline(&line, &size, file)) >= 0; number++) {
		if (memchr(line, 0, (size_t)len))
			status = gw_error_set(err, GW_ERR_INVALID, "has a NUL byte");
		else
			status = take_line(line, take, user, err);
		if (status)
			gw_error_prefix(err, "%s:%u", path, number);
	}
	if (!status && ferror(file))
		status = gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot read %s", path);
	free(line);
	return status;
}

enum gw_status gw_config_read(const char *path, gw_config_take *take, void *user, struct gw_error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return gw_error_errno(
			err, errno == ENOENT ? GW_ERR_NOT_FOUND : GW_ERR_SYSTEM, errno, "cannot read %s", path);
	enum gw_status status = read_lines(file, path, take, user, err);
	fclose(file);
	return status;
}
