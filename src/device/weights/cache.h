/* The stock server's cache of large payloads: one file per payload in a directory, named by the FNV-1a hash of its
 * bytes. The directory may be shared with other servers, stock ones included. */
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

/* GW_ERR_NOMEM. A directory that cannot be used is noticed only when it is. max bounds the bytes of its files, 0 = no
 * bound: what was not used for longest makes room. What killed processes left in it is removed. Thread-safe after this.
 */
enum gw_status gw_cache_new(const char *dir, uint64_t max, struct gw_cache **out);
void gw_cache_free(struct gw_cache *cache);
const char *gw_cache_dir(const struct gw_cache *cache);

/* Storing while a payload streams by: a file under a temporary name, which is moved to its final one when all is there.
 * Any failure is logged once, leaves no file, and makes what follows do nothing. */
struct gw_cache_writer {
	const struct gw_cache *cache;
	int fd; /* -1 = not storing */
	struct gw_digest digest;
	char *path; /* of the temporary file */
};

/* size is what will be written, bytes; more than the cache may hold is not stored. w may be used with cache NULL: it
 * then stores nothing. */
void gw_cache_write_begin(struct gw_cache_writer *w, const struct gw_cache *cache, uint64_t size);
void gw_cache_write(struct gw_cache_writer *w, const void *data, size_t size);
/* Keeps the file under the hash of what was written, or, if complete is false, removes it. */
void gw_cache_write_end(struct gw_cache_writer *w, bool complete);

/* Opens the file for what has these sums. GW_ERR_NOT_FOUND if there is none; *size is its length in bytes. Blocks for
 * the disk. */
enum gw_status gw_cache_open(
	const struct gw_cache *cache, const struct gw_sums *sums, struct gw_cache_entry **out, uint64_t *size);

/* The bytes of e, to be read; they are ended with e. */
struct gw_blob *gw_cache_blob(struct gw_cache_entry *e);

/* Closes e, of which all was read. GW_ERR_INVALID if the contents are not those of the hash: the file is then removed,
 * with a log line. */
enum gw_status gw_cache_verify(struct gw_cache_entry *e);

/* Closes e, whatever was read. */
void gw_cache_close(struct gw_cache_entry *e);

#endif
