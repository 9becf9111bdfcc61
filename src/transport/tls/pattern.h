/* Patterns of endpoints, as in key files. */
#ifndef GW_TRANSPORT_TLS_PATTERN_H
#define GW_TRANSPORT_TLS_PATTERN_H

#include <stdbool.h>

#include "transport/transport.h"

/* Whether a pattern matches an endpoint as users write it, with or without the port. '*' matches any text and '?' one
 * character; no other character is special, so an IPv6 address in brackets matches itself. Case is ignored. An empty
 * pattern matches every endpoint except Unix sockets. */
bool gw_tls_pattern_fits(const char *pattern, const struct gw_endpoint *ep);

#endif
