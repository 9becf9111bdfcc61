#include "daemon/config/option_values.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

enum gw_status gw_option_number(const char *text, unsigned min, unsigned max, unsigned *out, struct gw_error *err)
{
	unsigned value = 0;
	const char *c = text;
	for (; *c >= '0' && *c <= '9' && value <= max; c++)
		value = 10 * value + (unsigned)(*c - '0');
	if (c == text || *c || value < min || value > max)
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not a number from %u to %u", text, min, max);
	*out = value;
	return GW_OK;
}

enum gw_status gw_option_bytes(const char *text, uint64_t *out, struct gw_error *err)
{
	static const char units[] = "KMGT";
	uint64_t value = 0;
	const char *c = text;
	bool ok = *c >= '0' && *c <= '9';
	for (; ok && *c >= '0' && *c <= '9'; c++)
		ok = gw_mul_u64(value, 10, &value) && gw_add_u64(value, (uint64_t)(*c - '0'), &value);
	const char *unit = *c ? strchr(units, *c & ~0x20) : NULL;
	if (ok && unit) {
		ok = gw_mul_u64(value, UINT64_C(1) << (10 * (unit - units + 1)), &value);
		c++;
	}
	if (!ok || *c || value == 0)
		return gw_error_set(err, GW_ERR_INVALID, "'%s' is not a number of bytes, such as 512M or 24G", text);
	*out = value;
	return GW_OK;
}

enum gw_status gw_option_choice(
	const char *text, const char *const *words, size_t n, unsigned *out, struct gw_error *err)
{
	char known[128] = "";
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = (unsigned)i;
			return GW_OK;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return gw_error_set(err, GW_ERR_INVALID, "'%s' is none of %s", text, known);
}

enum gw_status gw_option_proto(const char *text, const struct gw_dialect **dialect, struct gw_error *err)
{
	char known[128] = "";
	size_t used = 0;
	const struct gw_dialect *d;
	*dialect = gw_dialect_parse(text);
	if (*dialect)
		return GW_OK;
	for (size_t i = 0; (d = gw_dialect_at(i)) && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%u.%u.%u", i ? ", " : "",
			d->version.major, d->version.minor, d->version.patch);
	return gw_error_set(err, GW_ERR_INVALID, "unknown protocol version: '%s' (known versions: %s)", text, known);
}

enum gw_status gw_option_tls(const char *text, enum gw_tls_mode *out, struct gw_error *err)
{
	if (gw_tls_mode_parse(text, out))
		return GW_OK;
	return gw_error_set(err, GW_ERR_INVALID, "'%s' is none of off, on, require", text);
}

enum gw_status gw_option_path(const char *text, char *out, size_t size, struct gw_error *err)
{
	if (!text[0])
		return gw_error_set(err, GW_ERR_INVALID, "'' is not the path of a file");
	if ((size_t)snprintf(out, size, "%s", text) >= size)
		return gw_error_set(err, GW_ERR_LIMIT, "longer than %zu bytes", size - 1);
	return GW_OK;
}

/* One of the words behind an endpoint. *known is false if it is part of the endpoint. */
static enum gw_status take_term(const char *word, struct gw_option_terms *terms, bool *known, struct gw_error *err)
{
	static const char proto[] = "proto=", tls[] = "tls=";
	*known = true;
	if (strncmp(word, proto, strlen(proto)) == 0 && !terms->dialect)
		return gw_option_proto(word + strlen(proto), &terms->dialect, err);
	if (strncmp(word, tls, strlen(tls)) == 0 && !terms->has_tls) {
		terms->has_tls = true;
		return gw_option_tls(word + strlen(tls), &terms->tls, err);
	}
	*known = false;
	return GW_OK;
}

/* From the last word on: the path of a Unix socket may have commas. */
static enum gw_status take_terms(char *text, struct gw_option_terms *terms, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	char *comma;
	bool known = true;
	while (!status && known && (comma = strrchr(text, ','))) {
		status = take_term(comma + 1, terms, &known, err);
		if (known)
			*comma = '\0';
	}
	return status;
}

enum gw_status gw_option_listen(
	const char *text, struct gw_endpoint *ep, struct gw_option_terms *terms, struct gw_error *err)
{
	char endpoint[2 * GW_ENDPOINT_MAX];
	struct gw_option_terms found = {0};
	if (snprintf(endpoint, sizeof(endpoint), "%s", text) >= (int)sizeof(endpoint))
		return gw_error_set(err, GW_ERR_INVALID, "longer than an endpoint can be");
	enum gw_status status = take_terms(endpoint, &found, err);
	if (!status)
		status = gw_endpoint_parse(endpoint, true, ep, err);
	if (!status)
		*terms = found;
	return status;
}

/* Whether a list has a name before the place where it has it again. Devices' names are found in either case. */
static bool is_named_before(const char *list, const char *name, size_t len)
{
	for (const char *p = list; p < name; p += strcspn(p, ",/") + 1)
		if (strcspn(p, ",/") == len && strncasecmp(p, name, len) == 0)
			return true;
	return false;
}

enum gw_status gw_option_names(const char *text, char *out, size_t size, struct gw_error *err)
{
	for (const char *name = text;; name++) {
		size_t len = strcspn(name, ",/");
		if (len == 0)
			return gw_error_set(err, GW_ERR_INVALID, "'%s' has an empty name in it", text);
		if (is_named_before(text, name, len))
			return gw_error_set(err, GW_ERR_INVALID, "'%.*s' is named twice", (int)len, name);
		name += len;
		if (!*name)
			break;
	}
	if ((size_t)snprintf(out, size, "%s", text) >= size)
		return gw_error_set(err, GW_ERR_LIMIT, "longer than %zu bytes", size - 1);
	return GW_OK;
}

static bool is_variable(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char letter = (char)(name[i] & ~0x20);
		bool digit = name[i] >= '0' && name[i] <= '9';
		if (!(letter >= 'A' && letter <= 'Z') && name[i] != '_' && (!digit || i == 0))
			return false;
	}
	return len > 0;
}

enum gw_status gw_option_variables(const char *text, char *list, size_t size, struct gw_error *err)
{
	for (const char *name = text;; name++) {
		size_t len = strcspn(name, ",");
		if (!is_variable(name, len))
			return gw_error_set(err, GW_ERR_INVALID, "'%.*s' is not the name of an environment variable",
				(int)len, name);
		name += len;
		if (!*name)
			break;
	}
	size_t used = strlen(list), left = size - used;
	if ((size_t)snprintf(list + used, left, "%s%s", used ? "," : "", text) >= left)
		return gw_error_set(err, GW_ERR_LIMIT, "longer than %zu bytes together", size - 1);
	return GW_OK;
}
