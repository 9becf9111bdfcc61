/* The keys of a server's clients, as their file has them at each moment. The supervisor's; one thread. */
#ifndef GW_DAEMON_KEY_RING_H
#define GW_DAEMON_KEY_RING_H

#include <stddef.h>

#include "base/status.h"
#include "transport/tls/key_file.h"

struct gw_key_ring;

/* Reads the file; path is copied. Errors as gw_tls_keys_load; GW_ERR_INVALID also for an identity with two keys. */
enum gw_status gw_key_ring_open(const char *path, struct gw_key_ring **out, struct gw_error *err);

/* Wipes and frees it. NULL is fine. */
void gw_key_ring_free(struct gw_key_ring *ring);

/* Finds the key of an identity, in the file as it is now: a file that was changed is read again, which is logged. One
 * that cannot be used any more holds no keys until it is mended. GW_ERR_NOT_FOUND: no such identity, or its key has
 * expired; the error says which. ring may be NULL: there are no keys. */
enum gw_status gw_key_ring_find(
	struct gw_key_ring *ring, const char *identity, struct gw_tls_key *out, struct gw_error *err);

/* How many keys there are. */
size_t gw_key_ring_count(const struct gw_key_ring *ring);

#endif
