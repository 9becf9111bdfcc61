#include "transport/tls/key_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "transport/tls/pattern.h"
#include "transport/tls/secret_file.h"

#define BLANKS " \t\r"
#define SECONDS_A_DAY 86400
#define EXPIRES "expires="

/* A part of a line. */
struct span {
	const char *at;
	size_t n;
};

bool gw_tls_is_identity(const char *text)
{
	static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-";
	size_t n = strnlen(text, GW_IDENTITY_MAX);
	return n > 0 && n < GW_IDENTITY_MAX && strspn(text, valid) == n;
}

void gw_tls_key_wipe(struct gw_tls_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool gw_tls_parse_hex(const char *text, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static enum gw_status parse_secret(struct span hex, struct gw_tls_key *key, struct gw_error *err)
{
	if (hex.n % 2 || hex.n / 2 < GW_TLS_SECRET_MIN || hex.n / 2 > GW_TLS_SECRET_MAX)
		return gw_error_set(err, GW_ERR_INVALID,
			"the key has %zu characters: expected an even number of hexadecimal digits, %d to %d", hex.n,
			2 * GW_TLS_SECRET_MIN, 2 * GW_TLS_SECRET_MAX);
	if (!gw_tls_parse_hex(hex.at, hex.n / 2, key->secret))
		return gw_error_set(err, GW_ERR_INVALID, "the key is not hexadecimal");
	key->secret_len = hex.n / 2;
	return GW_OK;
}

/* The first second, UTC, after the day that is written as YYYY-MM-DD. */
static bool parse_date(const char *text, int64_t *out)
{
	struct tm day = {0};
	const char *end = strptime(text, "%Y-%m-%d", &day);
	const int day_of_month = day.tm_mday;
	if (strlen(text) != strlen("YYYY-MM-DD") || !end || *end)
		return false;
	/* timegm turns 31 February into 3 March. */
	time_t at = timegm(&day);
	if (at < 0 || day.tm_mday != day_of_month)
		return false;
	*out = (int64_t)at + SECONDS_A_DAY;
	return true;
}

static enum gw_status parse_word(struct span word, struct gw_tls_key *key, struct gw_error *err)
{
	char text[GW_TLS_PATTERN];
	if (word.n >= sizeof(text))
		return gw_error_set(err, GW_ERR_INVALID, "a word of %zu characters is too long", word.n);
	memcpy(text, word.at, word.n);
	text[word.n] = '\0';
	if (strncmp(text, EXPIRES, strlen(EXPIRES)) == 0) {
		if (key->expires)
			return gw_error_set(err, GW_ERR_INVALID, "the key expires twice");
		if (!parse_date(text + strlen(EXPIRES), &key->expires))
			return gw_error_set(err, GW_ERR_INVALID, "expected " EXPIRES "YYYY-MM-DD");
		return GW_OK;
	}
	if (key->pattern[0])
		return gw_error_set(err, GW_ERR_INVALID, "more than one endpoint pattern");
	memcpy(key->pattern, text, word.n + 1);
	return GW_OK;
}

static struct span next_word(struct span *line)
{
	size_t i = 0;
	while (i < line->n && strchr(BLANKS, line->at[i]))
		i++;
	struct span word = {line->at + i, 0};
	while (i + word.n < line->n && !strchr(BLANKS, word.at[word.n]))
		word.n++;
	*line = (struct span){word.at + word.n, line->n - i - word.n};
	return word;
}

/* The part "identity:hexkey". */
static enum gw_status parse_pair(struct span word, struct gw_tls_key *key, struct gw_error *err)
{
	const char *colon = memchr(word.at, ':', word.n);
	if (!colon)
		return gw_error_set(err, GW_ERR_INVALID, "expected identity:hexkey");
	size_t n = (size_t)(colon - word.at);
	if (n < sizeof(key->identity))
		memcpy(key->identity, word.at, n);
	if (n >= sizeof(key->identity) || !gw_tls_is_identity(key->identity))
		return gw_error_set(err, GW_ERR_INVALID,
			"an identity has 1 to %d letters, digits, and any of . _ @ + -", GW_IDENTITY_MAX - 1);
	return parse_secret((struct span){colon + 1, word.n - n - 1}, key, err);
}

/* Parses a line without its newline. *is_key is false for empty lines and comments. */
static enum gw_status parse_line(struct span line, struct gw_tls_key *key, bool *is_key, struct gw_error *err)
{
	memset(key, 0, sizeof(*key));
	*is_key = false;
	if (memchr(line.at, '\0', line.n))
		return gw_error_set(err, GW_ERR_INVALID, "a NUL byte: this is not a text file");
	struct span word = next_word(&line);
	if (word.n == 0 || *word.at == '#')
		return GW_OK;
	enum gw_status status = parse_pair(word, key, err);
	for (word = next_word(&line); !status && word.n > 0; word = next_word(&line))
		status = parse_word(word, key, err);
	*is_key = true;
	return status;
}

static bool has_same(const struct gw_tls_keys *keys, const struct gw_tls_key *key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->keys[i].identity, key->identity) == 0 &&
			strcasecmp(keys->keys[i].pattern, key->pattern) == 0)
			return true;
	return false;
}

/* Grows by copying, so that no key remains in freed memory. */
static enum gw_status append(struct gw_tls_keys *keys, const struct gw_tls_key *key, struct gw_error *err)
{
	if (has_same(keys, key))
		return gw_error_set(
			err, GW_ERR_INVALID, "a second key of identity %s for the same endpoints", key->identity);
	bool is_full = (keys->n & (keys->n - 1)) == 0;
	if (is_full) {
		struct gw_tls_key *more = calloc(keys->n ? 2 * keys->n : 1, sizeof(*more));
		if (!more)
			return gw_error_set(err, GW_ERR_NOMEM, "no memory for keys");
		struct gw_tls_keys old = *keys;
		if (old.n)
			memcpy(more, old.keys, old.n * sizeof(*more));
		keys->keys = more;
		gw_tls_keys_free(&old);
	}
	keys->keys[keys->n++] = *key;
	return GW_OK;
}

enum gw_status gw_tls_keys_parse(const char *text, size_t n, struct gw_tls_keys *out, struct gw_error *err)
{
	struct gw_tls_keys keys = {0};
	struct gw_tls_key key;
	enum gw_status status = GW_OK;
	const char *at = text, *end = text + n;
	for (unsigned line = 1; !status && at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		bool is_key;
		status = parse_line((struct span){at, (size_t)(stop - at)}, &key, &is_key, err);
		if (!status && is_key)
			status = append(&keys, &key, err);
		if (status)
			gw_error_prefix(err, "line %u", line);
		at = stop < end ? stop + 1 : end;
	}
	gw_tls_key_wipe(&key);
	if (status)
		gw_tls_keys_free(&keys);
	else
		*out = keys;
	return status;
}

enum gw_status gw_tls_keys_load(const char *path, struct gw_tls_keys *out, struct gw_error *err)
{
	char *text = malloc(GW_TLS_FILE_MAX);
	size_t n = 0;
	if (!text)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for keys");
	enum gw_status status = gw_secret_file_read(path, text, GW_TLS_FILE_MAX, &n, err);
	if (!status)
		status = gw_tls_keys_parse(text, n, out, err);
	explicit_bzero(text, n);
	free(text);
	if (status)
		gw_error_prefix(err, "key file %s", path);
	return status;
}

void gw_tls_keys_free(struct gw_tls_keys *keys)
{
	if (keys->keys)
		explicit_bzero(keys->keys, keys->n * sizeof(*keys->keys));
	free(keys->keys);
	*keys = (struct gw_tls_keys){0};
}

const struct gw_tls_key *gw_tls_keys_find(const struct gw_tls_keys *keys, const char *identity)
{
	char wanted[GW_IDENTITY_MAX] = {0};
	const struct gw_tls_key *found = NULL;
	memcpy(wanted, identity, strnlen(identity, sizeof(wanted) - 1));
	for (size_t i = 0; i < keys->n; i++) {
		unsigned differs = 0;
		for (size_t j = 0; j < sizeof(wanted); j++)
			differs |= (unsigned)(wanted[j] ^ keys->keys[i].identity[j]);
		found = differs ? found : &keys->keys[i];
	}
	return found;
}

const struct gw_tls_key *gw_tls_keys_for(const struct gw_tls_keys *keys, const struct gw_endpoint *ep)
{
	for (size_t i = 0; i < keys->n; i++)
		if (gw_tls_pattern_fits(keys->keys[i].pattern, ep))
			return &keys->keys[i];
	return NULL;
}

bool gw_tls_key_has_expired(const struct gw_tls_key *key, int64_t now)
{
	return key->expires && now >= key->expires;
}
