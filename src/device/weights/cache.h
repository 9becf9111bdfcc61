/* The cache as one client's session uses it. Where it is, in this process or in the keeper's, makes no difference. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_H
#define GW_DEVICE_WEIGHTS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/status.h"
#include "device/weights/blob.h"

struct gw_cache;
struct gw_cache_entry;
struct gw_cache_store;

/* The cache of a client of this trust domain (device/weights/cache_store.h), in a store of this process, which outlives
 * it. */
enum gw_status gw_cache_new(struct gw_cache_store *store, const char *domain, struct gw_cache **out);

/* The same at the other end of a socket (device/weights/cache_wire.h), which is taken over, also on failure. */
enum gw_status gw_cache_new_remote(int sock, struct gw_cache **out);
void gw_cache_free(struct gw_cache *cache);

/* Storing while a payload streams by. Any failure is logged once, leaves no file, and makes what follows do nothing. */
struct gw_cache_writer {
	struct gw_cache *cache;
	int fd;        /* -1 = not storing */
	bool awaiting; /* the file, on its way from the keeper; fd is -1 */
	struct gw_digest digest;
};

/* size is what will be written, bytes; what is too small or too large for the cache is not stored. w may be used with
 * cache NULL: it then stores nothing. */
void gw_cache_write_begin(struct gw_cache_writer *w, struct gw_cache *cache, uint64_t size);
void gw_cache_write(struct gw_cache_writer *w, const void *data, size_t size);
/* Keeps what was written, or, if complete is false, drops it. */
void gw_cache_write_end(struct gw_cache_writer *w, bool complete);

/* Opens the entry of these sums. GW_ERR_NOT_FOUND if there is none; *size is its length in bytes. Blocks for the disk.
 */
enum gw_status gw_cache_open(
	struct gw_cache *cache, const struct gw_sums *sums, struct gw_cache_entry **out, uint64_t *size);

/* The bytes of e, to be read; they are ended with e. */
struct gw_blob *gw_cache_blob(struct gw_cache_entry *e);

/* Closes e, of which all was read. GW_ERR_INVALID if the contents are not those of the hash: the entry is then removed,
 * with a log line. */
enum gw_status gw_cache_verify(struct gw_cache_entry *e);

/* Closes e, whatever was read. */
void gw_cache_close(struct gw_cache_entry *e);

#endif
