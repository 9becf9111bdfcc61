/* Who may connect: networks as addresses with a prefix length. */
#ifndef GW_DAEMON_CONFIG_ALLOW_H
#define GW_DAEMON_CONFIG_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

#define GW_ALLOW_MAX 256

struct gw_allow {
	struct {
		uint8_t address[16]; /* IPv6, or IPv4 mapped into it */
		unsigned prefix;     /* bits of it that count */
	} networks[GW_ALLOW_MAX];
	size_t n; /* 0: everybody may */
};

/* Adds the networks of a list between ','; an address without a prefix length is that machine alone. GW_ERR_INVALID,
 * also for bits set after the prefix; GW_ERR_LIMIT. */
enum gw_status gw_allow_parse(struct gw_allow *allow, const char *list, struct gw_error *err);

/* Whether a peer may connect. Unix sockets always may: their path has permissions of its own. */
bool gw_allow_permits(const struct gw_allow *allow, const struct sockaddr *peer);

#endif
