/* Finds servers that are announced by DNS-SD (RFC 6763) as "_llama-rpc._tcp", through avahi-daemon. */
#ifndef GW_DISCOVERY_BROWSE_H
#define GW_DISCOVERY_BROWSE_H

#include "base/status.h"
#include "discovery/found.h"

/* How long users wait who have not said how long. */
#define GW_BROWSE_MS 1000

/* Waits for announcements, for at most wait_ms, and less if avahi-daemon says that it knows of no more. *out is sorted.
 * GW_ERR_NOT_FOUND: avahi-daemon or its library is missing; GW_ERR_UNSUPPORTED: this build has no discovery;
 * GW_ERR_SYSTEM. The error says what to do. From any thread, one call at a time. */
enum gw_status gw_browse(int wait_ms, struct gw_found_list *out, struct gw_error *err);

/* The same, without servers to which the user's keys do not apply if there are keys: whoever announces such an address
 * could be anybody. *refused is their number. Errors also as gw_tls_choose. */
enum gw_status gw_browse_trusted(int wait_ms, struct gw_found_list *out, size_t *refused, struct gw_error *err);

#endif
