/* A bounded cache from a question's bytes to a server's answer. Thread-safe; its lock is a leaf. */
#ifndef GW_BACKEND_ANSWERS_REPLY_CACHE_H
#define GW_BACKEND_ANSWERS_REPLY_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

/* With this many entries the cache starts over: graphs of one model have some hundreds. */
#define GW_REPLY_CACHE_MAX 65536

struct gw_reply_cache {
	pthread_mutex_t lock;
	struct gw_map map; /* hash of a key -> list of entries */
	size_t count;
};

void gw_reply_cache_init(struct gw_reply_cache *a);

/* Whether the answer to key is known; sets *value if so. Keys are compared whole. */
bool gw_reply_cache_find(struct gw_reply_cache *a, const void *key, size_t size, uint64_t *value);

/* Remembers an answer (not, if memory runs out). A key that is there already keeps its answer. */
void gw_reply_cache_put(struct gw_reply_cache *a, const void *key, size_t size, uint64_t value);

/* Forgets everything and returns the memory. */
void gw_reply_cache_clear(struct gw_reply_cache *a);

#endif
