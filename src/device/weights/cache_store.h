/* The stock server's cache of large payloads: a directory with one file for each, named by the FNV-1a of its bytes.
 *
 * FNV-1a is not secure: a second payload with the same sum takes a second to compute. So each trust domain has a
 * directory of its own, and a client gets only what clients of its domain have stored. A shared store has one directory
 * for all clients, the stock server's. An existing entry is never replaced. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_STORE_H
#define GW_DEVICE_WEIGHTS_CACHE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/status.h"

/* Smaller payloads are not kept: no client asks for them (GW_EXT_XXH3_MIN; stock clients begin at 10 MiB), and each
 * would be a file. Bytes. */
#define GW_CACHE_MIN ((uint64_t)1 << 20)

/* Most bytes of a trust domain's name, without its end. */
#define GW_CACHE_DOMAIN_MAX 79

struct gw_cache_store;
struct gw_cache_domain;

struct gw_cache_store_options {
	const char *dir; /* copied; the first use reports a directory that cannot be used */
	uint64_t max;    /* bytes of disk that its files may take; the least recently used make room. 0 = no limit */
	bool shared;     /* all clients trust each other */
};

/* Removes the temporary files of killed processes, and entries beyond the limit. Logs who gets which entries, and
 * whether some are not used. Any thread may use the store. GW_ERR_NOMEM. Blocks for the disk. */
enum gw_status gw_cache_store_open(const struct gw_cache_store_options *options, struct gw_cache_store **out);
void gw_cache_store_close(struct gw_cache_store *store);
const char *gw_cache_store_dir(const struct gw_cache_store *store);

/* Opens the part of the store that belongs to one trust domain; any text names one. The store must outlive it. One
 * thread at a time may use a domain. This and all functions below block for the disk, and log what only an
 * administrator can repair. GW_ERR_NOMEM; GW_ERR_INVALID: the name is empty or too long. */
enum gw_status gw_cache_domain_open(struct gw_cache_store *store, const char *domain, struct gw_cache_domain **out);
void gw_cache_domain_close(struct gw_cache_domain *d);

/* Finds the entry with these sums, of which one is enough, and completes them. The caller owns *fd, which is read-only.
 * *size is the file's size in bytes. The caller must check the bytes against the sums. GW_ERR_NOT_FOUND. */
enum gw_status gw_cache_domain_find(struct gw_cache_domain *d, struct gw_sums *sums, int *fd, uint64_t *size);

/* Removes an entry whose bytes do not have the sum in its name. */
void gw_cache_domain_remove(struct gw_cache_domain *d, uint64_t fnv);

/* Makes a file for a payload of size bytes. The caller owns *fd and writes the payload to it. Abandons a file begun
 * earlier. GW_ERR_LIMIT: the payload is too small, or there is no room. GW_ERR_SYSTEM. */
enum gw_status gw_cache_domain_begin(struct gw_cache_domain *d, uint64_t size, int *fd);

/* Turns the file into an entry under the FNV-1a that the caller computed. An entry that exists already stays as it is:
 * GW_OK if it holds the same bytes, GW_ERR_SYSTEM otherwise. GW_ERR_INVALID: the file does not have the announced size,
 * or none was begun. GW_ERR_SYSTEM. Leaves no file on failure. */
enum gw_status gw_cache_domain_finish(struct gw_cache_domain *d, const struct gw_sums *sums);
void gw_cache_domain_abandon(struct gw_cache_domain *d);

/* The same after a write to it has failed, which the log says once a minute. */
void gw_cache_domain_fail(struct gw_cache_domain *d, int errnum);

#endif
