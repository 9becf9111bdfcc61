/* Keeps the disk space of a cache within a limit. It adds up what this process writes. It lists the directory only when
 * the entries of the last listing do not make enough room, or when that listing is old, because other processes may
 * write there too. Single owner, no locking; every function may block for the disk. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_ACCOUNT_H
#define GW_DEVICE_WEIGHTS_CACHE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "device/weights/cache_listing.h"

struct gw_cache_account {
	const char *path; /* of the directory; lent */
	uint64_t max;     /* bytes of disk; UINT64_MAX = no bound, and nothing is listed */
	uint64_t used;
	uint64_t reserved;  /* for payloads that are being written */
	uint64_t listed_ns; /* when, in gw_clock_ns; 0 = never */
	struct gw_cache_listing oldest;
	size_t next;  /* of oldest: the first one that may still be there */
	bool written; /* something was, since the listing */
};

void gw_cache_account_init(struct gw_cache_account *a, const char *path, uint64_t max);
void gw_cache_account_free(struct gw_cache_account *a);

/* Reserves disk space, and removes the least recently used entries if it has to. False, and no reservation, if there
 * cannot be so much room. */
bool gw_cache_account_reserve(struct gw_cache_account *a, uint64_t bytes);

/* Ends a reservation; written is the disk space that is in use now in its place. Bytes. */
void gw_cache_account_settle(struct gw_cache_account *a, uint64_t reserved, uint64_t written);

/* Counts disk space that was freed elsewhere. Bytes. */
void gw_cache_account_removed(struct gw_cache_account *a, uint64_t bytes);

#endif
