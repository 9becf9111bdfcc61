#include "transport/tls/pattern.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static bool is_same(char pattern, char text)
{
	return pattern == '?' || tolower((unsigned char)pattern) == tolower((unsigned char)text);
}

/* Backtracks to the last '*' only, so the time is bounded by the product of both lengths. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;
	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern && is_same(*pattern, *text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

bool gw_tls_pattern_fits(const char *pattern, const struct gw_endpoint *ep)
{
	char text[sizeof(ep->host) + 16];
	if (!*pattern)
		return !ep->kind->has_file;
	ep->kind->format(ep, text, sizeof(text));
	if (fits(pattern, text))
		return true;
	char *colon = ep->kind->has_file ? NULL : strrchr(text, ':');
	if (!colon)
		return false;
	*colon = '\0';
	return fits(pattern, text);
}
