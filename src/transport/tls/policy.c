#include "transport/tls/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/tls/tls.h"

bool gw_tls_mode_parse(const char *text, enum gw_tls_mode *out)
{
	static const char *const names[] = {
		[GW_TLS_OFF] = "off",
		[GW_TLS_ON] = "on",
		[GW_TLS_REQUIRE] = "require",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum gw_tls_mode)i;
			return true;
		}
	}
	return false;
}

static enum gw_status mode_from_env(enum gw_tls_mode *out, struct gw_error *err)
{
	const char *text = getenv("GGWIRE_TLS");
	*out = GW_TLS_ON;
	if (text && *text && !gw_tls_mode_parse(text, out))
		return gw_error_set(err, GW_ERR_INVALID, "GGWIRE_TLS: '%.40s' is none of off, on, require", text);
	return GW_OK;
}

bool gw_tls_user_file(char out[GW_TLS_PATH], bool *named)
{
	const char *file = getenv("GGWIRE_PSK_FILE"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = -1;
	*named = file && *file;
	if (*named)
		n = snprintf(out, GW_TLS_PATH, "%s", file);
	else if (config && *config)
		n = snprintf(out, GW_TLS_PATH, "%s/ggwire/keys", config);
	else if (home && *home)
		n = snprintf(out, GW_TLS_PATH, "%s/.config/ggwire/keys", home);
	return n > 0 && n < GW_TLS_PATH;
}

enum gw_status gw_tls_server_file(char *out, size_t size, struct gw_error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (geteuid() == 0)
		snprintf(out, size, "/etc/ggwire/keys");
	else if (config && *config)
		snprintf(out, size, "%s/ggwire/server-keys", config);
	else if (home && *home)
		snprintf(out, size, "%s/.config/ggwire/server-keys", home);
	else
		return gw_error_set(err, GW_ERR_NOT_FOUND, "HOME is not set: name the key file");
	return GW_OK;
}

/* Reads the user's keys. A missing file means no keys, unless the user named it. */
static enum gw_status load(char path[GW_TLS_PATH], struct gw_tls_keys *keys, struct gw_error *err)
{
	bool named;
	*keys = (struct gw_tls_keys){0};
	if (!gw_tls_user_file(path, &named)) {
		snprintf(path, GW_TLS_PATH, "~/.config/ggwire/keys");
		return GW_OK;
	}
	enum gw_status status = gw_tls_keys_load(path, keys, err);
	if (status == GW_ERR_NOT_FOUND && !named)
		return GW_OK;
	return status;
}

static enum gw_status check_expiry(const struct gw_tls_key *key, const char *path, struct gw_error *err)
{
	char date[32];
	time_t last = (time_t)key->expires - 1;
	struct tm tm;
	if (!gw_tls_key_has_expired(key, time(NULL)))
		return GW_OK;
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&last, &tm));
	return gw_error_set(err, GW_ERR_INVALID,
		"key file %s: key \"%s\" expired after %s; ask the server's administrator for a new one", path,
		key->identity, date);
}

static enum gw_status choose(const struct gw_endpoint *ep, enum gw_tls_mode mode, const struct gw_tls_keys *keys,
	const char *path, struct gw_tls_key *key, struct gw_error *err)
{
	const struct gw_tls_key *found = gw_tls_keys_for(keys, ep);
	if (found) {
		*key = *found;
		return check_expiry(found, path, err);
	}
	if (mode == GW_TLS_REQUIRE && !ep->kind->has_file)
		return gw_error_set(err, GW_ERR_INVALID,
			"GGWIRE_TLS=require, and no key of %s fits this endpoint; add the line that ggwire key add "
			"printed "
			"on the server",
			path);
	return GW_OK;
}

/* What the user wants, and with which keys; without TLS there are none. */
static enum gw_status read_policy(
	enum gw_tls_mode *mode, char path[GW_TLS_PATH], struct gw_tls_keys *keys, struct gw_error *err)
{
	*keys = (struct gw_tls_keys){0};
	enum gw_status status = mode_from_env(mode, err);
	return status || *mode == GW_TLS_OFF ? status : load(path, keys, err);
}

enum gw_status gw_tls_has_keys(bool *out, struct gw_error *err)
{
	enum gw_tls_mode mode;
	struct gw_tls_keys keys;
	char path[GW_TLS_PATH];
	*out = false;
	enum gw_status status = read_policy(&mode, path, &keys, err);
	if (status)
		return status;
	*out = mode == GW_TLS_REQUIRE || keys.n > 0;
	gw_tls_keys_free(&keys);
	return GW_OK;
}

enum gw_status gw_tls_choose(const struct gw_endpoint *ep, struct gw_tls_key *key, bool *use, struct gw_error *err)
{
	enum gw_tls_mode mode;
	struct gw_tls_keys keys;
	char path[GW_TLS_PATH];
	memset(key, 0, sizeof(*key));
	*use = false;
	enum gw_status status = read_policy(&mode, path, &keys, err);
	if (status || mode == GW_TLS_OFF)
		return status;
	status = choose(ep, mode, &keys, path, key, err);
	gw_tls_keys_free(&keys);
	*use = !status && key->identity[0];
	if (*use && gw_tls_check(err))
		return gw_error_prefix(err, "key \"%s\" of %s fits this endpoint", key->identity, path);
	return status;
}

static bool plaintext_rdma_is_allowed(void)
{
	const char *text = getenv("GGWIRE_RDMA_PLAINTEXT");
	return text && strcmp(text, "1") == 0;
}

/* GW_ERR_INVALID is reserved for mistakes of the user. */
static enum gw_status explain(enum gw_status status, const struct gw_tls_key *key, struct gw_error *err)
{
	const char *who = key->identity;
	char detail[120];
	switch (status) {
	case GW_ERR_INVALID:
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"the server does not accept key \"%s\": it does not know this identity, or has another key for "
			"it "
			"(ggwire key list shows the server's)",
			who);
	case GW_ERR_TIMEOUT:
		return gw_error_set(err, status,
			"no answer to the TLS handshake with key \"%s\": the server is busy, or is a stock RPC server",
			who);
	case GW_ERR_LIMIT:
		return status;
	case GW_ERR_CLOSED:
	case GW_ERR_LOST:
	case GW_ERR_PROTOCOL:
		snprintf(detail, sizeof(detail), "%.119s", err->text);
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"no TLS with key \"%s\" (%s): it is a stock RPC server, or ggwire without --tls-psk, or "
			"refuses this "
			"machine; GGWIRE_TLS=off connects without encryption",
			who, detail);
	default:
		return gw_error_prefix(err, "key \"%s\" cannot be used", who);
	}
}

enum gw_status gw_tls_upgrade(
	struct gw_transport **t, const struct gw_tls_key *key, int timeout_ms, struct gw_error *err)
{
	struct gw_error why;
	struct gw_transport *inner = *t;
	enum gw_status status = gw_tls_connect(inner, key, timeout_ms, t, &why);
	if (!status) {
		(*t)->keep_encrypted = !plaintext_rdma_is_allowed();
		return GW_OK;
	}
	inner->ops->close(inner);
	*t = NULL;
	status = explain(status, key, &why);
	if (err)
		*err = why;
	return status;
}
