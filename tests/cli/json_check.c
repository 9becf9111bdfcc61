#include "cli/json_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_DEPTH 32

/* Each of these returns the end of the parsed text, or NULL. */
static const char *value(const char *p, int depth);

static const char *blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *escape(const char *p)
{
	if (*p && strchr("\"\\/bfnrt", *p))
		return p + 1;
	if (*p == 'u' && strspn(p + 1, "0123456789abcdefABCDEF") >= 4)
		return p + 5;
	return NULL;
}

static const char *string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (p && *p != '"') {
		uint32_t c;
		size_t n = gw_utf8_decode(p, strlen(p), &c);
		if (n == 0 || c < 0x20)
			return NULL;
		p = c == '\\' ? escape(p + 1) : p + n;
	}
	return p ? p + 1 : NULL;
}

static const char *digits(const char *p)
{
	size_t n = strspn(p, "0123456789");
	return n ? p + n : NULL;
}

static const char *number(const char *p)
{
	p += *p == '-';
	p = *p == '0' ? p + 1 : digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = digits(p + (*p == '+' || *p == '-'));
	}
	return p;
}

/* At most MAX_DEPTH deep. NOLINTNEXTLINE(misc-no-recursion) */
static const char *member(const char *p, int depth)
{
	p = string(blanks(p));
	p = p ? blanks(p) : NULL;
	return p && *p == ':' ? value(p + 1, depth) : NULL;
}

/* At most MAX_DEPTH deep. NOLINTNEXTLINE(misc-no-recursion) */
static const char *list(const char *p, char end, int depth)
{
	p = blanks(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		p = end == '}' ? member(p, depth) : value(p, depth);
		p = p ? blanks(p) : NULL;
		if (!p || (*p != ',' && *p != end))
			return NULL;
		if (*p++ == end)
			return p;
	}
}

static const char *word(const char *p)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < 3; i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	return NULL;
}

/* At most MAX_DEPTH deep. NOLINTNEXTLINE(misc-no-recursion) */
static const char *value(const char *p, int depth)
{
	p = blanks(p);
	if (depth == MAX_DEPTH)
		return NULL;
	if (*p == '{' || *p == '[')
		return list(p, *p == '{' ? '}' : ']', depth + 1);
	if (*p == '"')
		return string(p);
	return *p == '-' || (*p >= '0' && *p <= '9') ? number(p) : word(p);
}

bool json_is_valid(const char *text)
{
	const char *end = value(text, 0);
	return end && *blanks(end) == 0;
}

/* The member with that name, or the element with that index, of the object or array at p. */
static const char *step(const char *p, const char *name, size_t len)
{
	bool object = *p == '{';
	if (!object && *p != '[')
		return NULL;
	long left = object ? 0 : atol(name);
	for (p = blanks(p + 1); *p && *p != '}' && *p != ']'; p = blanks(p + 1)) {
		bool found = object ? strncmp(p + 1, name, len) == 0 && p[1 + len] == '"' : left-- == 0;
		if (object)
			p = blanks(blanks(string(p)) + 1);
		if (found)
			return p;
		p = blanks(value(p, 0));
		if (*p != ',')
			return NULL;
	}
	return NULL;
}

bool json_get(const char *text, const char *path, char *out, size_t size)
{
	const char *p = blanks(text);
	while (p && *path) {
		size_t len = strcspn(path, ".");
		p = step(p, path, len);
		path += len + (path[len] == '.');
	}
	if (!p)
		return false;
	const char *end = value(p, 0);
	bool quoted = *p == '"';
	return snprintf(out, size, "%.*s", (int)(end - p) - 2 * quoted, p + quoted) < (int)size;
}

double json_number(const char *text, const char *path)
{
	char digit[64];
	return json_get(text, path, digit, sizeof(digit)) && value(digit, 0) ? strtod(digit, NULL) : -1;
}
