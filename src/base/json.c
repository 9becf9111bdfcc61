#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void put(struct gw_json *j, const char *bytes, size_t n)
{
	if (j->status == GW_OK)
		j->status = gw_buf_append(j->out, bytes, n);
}

static void put_escape(struct gw_json *j, uint32_t c)
{
	char text[8];
	int n = snprintf(text, sizeof(text), "\\u%04" PRIx32, c);
	put(j, text, (size_t)n);
}

/* What RFC 8259 wants escaped, what would close a script in a page, and what would steer a terminal. */
static bool needs_escape(uint32_t c)
{
	return c == '"' || c == '\\' || c == '<' || gw_text_is_unsafe(c);
}

static void put_string(struct gw_json *j, const char *text)
{
	size_t left = strlen(text);
	put(j, "\"", 1);
	while (left > 0) {
		uint32_t c;
		size_t n = gw_utf8_decode(text, left, &c);
		if (n == 0)
			put_escape(j, 0xfffd);
		else if (needs_escape(c))
			put_escape(j, c);
		else
			put(j, text, n);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	put(j, "\"", 1);
}

/* What precedes a value: a comma, a name, or nothing. */
static void lead_in(struct gw_json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (key) {
		put_string(j, key);
		put(j, ":", 1);
	}
}

static void open_value(struct gw_json *j, const char *key, const char *bracket)
{
	lead_in(j, key);
	put(j, bracket, 1);
	j->comma = false;
	j->depth++;
}

static void close_value(struct gw_json *j, const char *bracket)
{
	assert(j->depth > 0);
	put(j, bracket, 1);
	j->comma = true;
	j->depth--;
}

void gw_json_begin(struct gw_json *j, struct gw_buf *out)
{
	*j = (struct gw_json){.out = out};
}

void gw_json_object(struct gw_json *j, const char *key)
{
	open_value(j, key, "{");
}

void gw_json_object_end(struct gw_json *j)
{
	close_value(j, "}");
}

void gw_json_array(struct gw_json *j, const char *key)
{
	open_value(j, key, "[");
}

void gw_json_array_end(struct gw_json *j)
{
	close_value(j, "]");
}

void gw_json_text(struct gw_json *j, const char *key, const char *value)
{
	if (!value) {
		gw_json_null(j, key);
		return;
	}
	lead_in(j, key);
	put_string(j, value);
}

void gw_json_u64(struct gw_json *j, const char *key, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, value);
	lead_in(j, key);
	put(j, text, (size_t)n);
}

void gw_json_bool(struct gw_json *j, const char *key, bool value)
{
	lead_in(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void gw_json_null(struct gw_json *j, const char *key)
{
	lead_in(j, key);
	put(j, "null", 4);
}

void gw_json_number(struct gw_json *j, const char *key, double value, int decimals)
{
	char text[352]; /* the largest double has 309 digits before its point */
	assert(decimals >= 0 && decimals <= 9);
	if (!isfinite(value)) {
		gw_json_null(j, key);
		return;
	}
	int n = snprintf(text, sizeof(text), "%.*f", decimals, value);
	lead_in(j, key);
	put(j, text, (size_t)n);
}

enum gw_status gw_json_end(struct gw_json *j)
{
	assert(j->depth == 0);
	put(j, "\n", 1);
	return j->status;
}
