/* Bytes from an unauthenticated client: none completes a handshake, every identity that is looked up is valid, and
 * every accepted key file contains usable keys. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/bytes.h"
#include "transport/tls/tls.h"

#define MINUTE 60000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static enum gw_status find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	(void)user;
	(void)err;
	check(gw_tls_is_identity(identity));
	*key = (struct gw_tls_key){.secret_len = GW_TLS_SECRET_MIN};
	return GW_OK;
}

static void shake_hands(const uint8_t *data, size_t size)
{
	struct gw_transport *inner = bytes_transport(data, size), *out = NULL;
	struct gw_error err;
	enum gw_status status = gw_tls_accept(inner, find, NULL, MINUTE, &out, &err);
	check(status != GW_OK && !out && memchr(err.text, 0, sizeof(err.text)));
	inner->ops->close(inner);
}

static void parse(const uint8_t *data, size_t size)
{
	struct gw_tls_keys keys;
	if (gw_tls_keys_parse((const char *)data, size, &keys, NULL) != GW_OK)
		return;
	for (size_t i = 0; i < keys.n; i++) {
		const struct gw_tls_key *key = &keys.keys[i];
		check(gw_tls_is_identity(key->identity) && key->secret_len >= GW_TLS_SECRET_MIN &&
			key->secret_len <= GW_TLS_SECRET_MAX && memchr(key->pattern, 0, sizeof(key->pattern)));
		check(gw_tls_keys_find(&keys, key->identity) != NULL);
	}
	gw_tls_keys_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	shake_hands(data, size);
	parse(data, size);
	return 0;
}
