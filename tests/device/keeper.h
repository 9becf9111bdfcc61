/* A keeper in a thread: it answers for one trust domain, as daemon/workers/keeper_run.c does for each. */
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

/* Starts it; the socket on which it answers is the caller's. */
int keeper_start(struct keeper *k, struct gw_cache_store *store, const char *domain);

/* The same, as a client's cache. */
struct gw_cache *keeper_cache(struct keeper *k, struct gw_cache_store *store, const char *domain);

/* Makes it end in the middle of whatever it does; it is still to be waited for. */
void keeper_kill(struct keeper *k);

/* Waits until it ends, which it does when the other end of its socket is closed. */
void keeper_end(struct keeper *k);

#endif
