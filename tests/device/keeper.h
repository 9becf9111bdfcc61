/* A keeper in a thread. It serves one trust domain, as daemon/workers/keeper_run.c does for each. */
#ifndef GW_TESTS_SERVER_KEEPER_H
#define GW_TESTS_SERVER_KEEPER_H

#include <pthread.h>

#include "device/weights/cache.h"
#include "device/weights/cache_store.h"

struct keeper {
	pthread_t thread;
	int sock; /* the keeper's end */
	struct gw_cache_domain *domain;
};

/* Starts a keeper and returns its client socket, which the caller owns. */
int keeper_start(struct keeper *k, struct gw_cache_store *store, const char *domain);

/* Starts a keeper and returns a client's cache that uses it. */
struct gw_cache *keeper_cache(struct keeper *k, struct gw_cache_store *store, const char *domain);

/* Makes the keeper end at once, even in the middle of a request. Call keeper_end after it. */
void keeper_kill(struct keeper *k);

/* Waits for the keeper to end, which it does when its client closes the socket. */
void keeper_end(struct keeper *k);

#endif
