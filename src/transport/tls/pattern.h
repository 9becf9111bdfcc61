/* Patterns of endpoints, as key files have them. */
#ifndef GW_TRANSPORT_TLS_PATTERN_H
#define GW_TRANSPORT_TLS_PATTERN_H

#include <stdbool.h>

#include "transport/transport.h"

/* Whether a pattern fits an endpoint as users write it, or its part before the port. '*' stands for any text and '?'
 * for one character; there are no other special characters, so that an IPv6 address in brackets fits itself. Letters of
 * either case are the same. An empty pattern fits every endpoint that has a network, so no Unix socket. */
bool gw_tls_pattern_fits(const char *pattern, const struct gw_endpoint *ep);

#endif
