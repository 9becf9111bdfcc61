/* Who is served, and who can only query the server: networks as addresses with a prefix length, and the owners of keys.
 */
#ifndef GW_DAEMON_CLIENTS_ALLOW_H
#define GW_DAEMON_CLIENTS_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"
#include "transport/transport.h"

#define GW_ALLOW_MAX 256
#define GW_ALLOW_IDENTITIES 64

struct gw_networks {
	struct {
		uint8_t address[16]; /* IPv6, or IPv4 mapped into it */
		unsigned prefix;     /* bits of it that count */
	} at[GW_ALLOW_MAX];
	size_t n;
};

struct gw_allow {
	struct gw_networks networks;
	struct gw_networks status; /* these can only query the server */
	char identities[GW_ALLOW_IDENTITIES][GW_IDENTITY_MAX];
	size_t n_identities; /* neither networks nor identities: everybody may */
};

/* Adds the networks of a list between ',', and the identities, which "id:" marks; an address without a prefix length is
 * that machine alone. GW_ERR_INVALID, also for bits set behind the prefix; GW_ERR_LIMIT. */
enum gw_status gw_allow_parse(struct gw_allow *allow, const char *list, struct gw_error *err);

/* Adds networks of clients that can only query the server. No identities; errors as above. */
enum gw_status gw_allow_parse_status(struct gw_allow *allow, const char *list, struct gw_error *err);

/* Whether whoever has the key of this identity may connect, from anywhere. */
bool gw_allow_names(const struct gw_allow *allow, const char *identity);

/* Whether a peer may connect, whoever it is. Unix sockets always may: their path has permissions of its own. */
bool gw_allow_permits(const struct gw_allow *allow, const struct sockaddr *peer);

/* Whether a peer that gw_allow_permits refuses can still query the server. */
bool gw_allow_permits_status(const struct gw_allow *allow, const struct sockaddr *peer);

#endif
