#include "daemon/clients/allow.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "transport/tls/key_file.h"

#define MAPPED_BITS 96 /* the prefix of an IPv4 address in IPv6 */

static void map_ipv4(const void *ipv4, uint8_t out[16])
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, ipv4, 4);
}

static bool parse_address(const char *text, uint8_t out[16], unsigned *bits)
{
	struct in_addr ipv4;
	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		map_ipv4(&ipv4, out);
		*bits = 32;
		return true;
	}
	*bits = 128;
	return inet_pton(AF_INET6, text, out) == 1;
}

static bool parse_prefix(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return false;
	}
	*out = value;
	return true;
}

/* Whether the first bits of both are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static bool is_zero_behind(const uint8_t address[16], unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		if (address[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

static enum gw_status invalid(const char *text, const char *why, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_INVALID, "'%s': %s", text, why);
}

static enum gw_status add_identity(struct gw_allow *allow, const char *text, struct gw_error *err)
{
	if (!gw_tls_is_identity(text))
		return invalid(text, "no name of a key stands behind id:", err);
	if (allow->n_identities == GW_ALLOW_IDENTITIES)
		return gw_error_set(err, GW_ERR_LIMIT, "more than %d identities", GW_ALLOW_IDENTITIES);
	memcpy(allow->identities[allow->n_identities++], text, strlen(text) + 1);
	return GW_OK;
}

static enum gw_status add_network(struct gw_networks *networks, char *text, const char *expected, struct gw_error *err)
{
	uint8_t address[16];
	unsigned bits, prefix;
	char *slash = strchr(text, '/');
	if (slash)
		*slash = 0;
	if (!parse_address(text, address, &bits))
		return invalid(text, expected, err);
	prefix = bits;
	if (slash && !parse_prefix(slash + 1, bits, &prefix))
		return invalid(slash + 1, "not the length of a prefix of such an address", err);
	if (bits == 32)
		prefix += MAPPED_BITS;
	if (!is_zero_behind(address, prefix))
		return invalid(text, "the address has bits set behind its prefix", err);
	if (networks->n == GW_ALLOW_MAX)
		return gw_error_set(err, GW_ERR_LIMIT, "more than %d networks", GW_ALLOW_MAX);
	memcpy(networks->at[networks->n].address, address, sizeof(address));
	networks->at[networks->n++].prefix = prefix;
	return GW_OK;
}

/* Adds an item of --allow. */
static enum gw_status add_served(struct gw_allow *allow, char *text, struct gw_error *err)
{
	if (strncmp(text, "id:", 3) == 0)
		return add_identity(allow, text + 3, err);
	return add_network(
		&allow->networks, text, "expected id:NAME, or an IPv4 or IPv6 address, with /PREFIX or without", err);
}

/* Adds an item of --allow-status. */
static enum gw_status add_status(struct gw_allow *allow, char *text, struct gw_error *err)
{
	return add_network(&allow->status, text, "expected an IPv4 or IPv6 address, with /PREFIX or without", err);
}

static enum gw_status parse(struct gw_allow *allow, const char *list,
	enum gw_status (*add)(struct gw_allow *, char *, struct gw_error *), struct gw_error *err)
{
	for (const char *item = list;; item++) {
		char text[GW_IDENTITY_MAX + INET6_ADDRSTRLEN];
		size_t len = strcspn(item, ",");
		if (len >= sizeof(text))
			return gw_error_set(err, GW_ERR_INVALID, "an item is too long to be an address");
		memcpy(text, item, len);
		text[len] = 0;
		enum gw_status status = add(allow, text, err);
		if (status)
			return status;
		item += len;
		if (!*item)
			return GW_OK;
	}
}

enum gw_status gw_allow_parse(struct gw_allow *allow, const char *list, struct gw_error *err)
{
	return parse(allow, list, add_served, err);
}

enum gw_status gw_allow_parse_status(struct gw_allow *allow, const char *list, struct gw_error *err)
{
	return parse(allow, list, add_status, err);
}

static bool address_of(const struct sockaddr *peer, uint8_t out[16])
{
	if (peer->sa_family == AF_INET) {
		map_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr, out);
		return true;
	}
	if (peer->sa_family != AF_INET6)
		return false;
	memcpy(out, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
	return true;
}

bool gw_allow_names(const struct gw_allow *allow, const char *identity)
{
	for (size_t i = 0; i < allow->n_identities; i++)
		if (strcmp(allow->identities[i], identity) == 0)
			return true;
	return false;
}

static bool has_address(const struct gw_networks *networks, const struct sockaddr *peer)
{
	uint8_t address[16];
	if (!address_of(peer, address))
		return false;
	for (size_t i = 0; i < networks->n; i++)
		if (same_bits(networks->at[i].address, address, networks->at[i].prefix))
			return true;
	return false;
}

bool gw_allow_permits(const struct gw_allow *allow, const struct sockaddr *peer)
{
	if ((allow->networks.n == 0 && allow->n_identities == 0) || peer->sa_family == AF_UNIX)
		return true;
	return has_address(&allow->networks, peer);
}

bool gw_allow_permits_status(const struct gw_allow *allow, const struct sockaddr *peer)
{
	return has_address(&allow->status, peer);
}
