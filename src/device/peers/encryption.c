#include "device/peers/encryption.h"

#include <string.h>

#include "transport/tls/tls.h"

/* Names the key in the handshake, where anyone can read it. */
#define IDENTITY "ggwire-link"

_Static_assert(GW_PEERS_SECRET == GW_TLS_DERIVED, "secrets of links");

enum gw_status gw_peers_public_id(
	const uint8_t secret[GW_PEERS_SECRET], uint8_t out[GW_PEERS_SECRET], struct gw_error *err)
{
	return gw_tls_derive(secret, GW_PEERS_SECRET, "ggwire link id", out, err);
}

static enum gw_status derive_key(const uint8_t secret[GW_PEERS_SECRET], const uint8_t proof[GW_PEERS_SECRET],
	struct gw_tls_key *key, struct gw_error *err)
{
	uint8_t both[2 * GW_PEERS_SECRET];
	memcpy(both, secret, GW_PEERS_SECRET);
	memcpy(both + GW_PEERS_SECRET, proof, GW_PEERS_SECRET);
	*key = (struct gw_tls_key){.identity = IDENTITY, .secret_len = GW_TLS_DERIVED};
	enum gw_status status = gw_tls_derive(both, sizeof(both), "ggwire link key", key->secret, err);
	explicit_bzero(both, sizeof(both));
	return status;
}

/* gw_tls_find: there is one key. */
static enum gw_status find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	if (strcmp(identity, IDENTITY) != 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "it is not a link's");
	*key = *(const struct gw_tls_key *)user;
	return GW_OK;
}

enum gw_status gw_peers_encrypt(struct gw_transport **t, bool opened, const uint8_t secret[GW_PEERS_SECRET],
	const uint8_t proof[GW_PEERS_SECRET], struct gw_error *err)
{
	struct gw_tls_key key;
	struct gw_transport *over;
	enum gw_status status = derive_key(secret, proof, &key, err);
	if (!status && opened)
		status = gw_tls_connect(*t, &key, GW_TLS_HANDSHAKE_MS, &over, err);
	else if (!status)
		status = gw_tls_accept(*t, find, &key, GW_TLS_HANDSHAKE_MS, &over, err);
	gw_tls_key_wipe(&key);
	if (!status)
		*t = over;
	return status;
}
