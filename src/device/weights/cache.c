#include "device/weights/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "device/weights/cache_store.h"
#include "device/weights/cache_wire.h"

struct gw_cache {
	struct gw_cache_domain *domain; /* NULL: it is at the other end of sock */
	int sock;                       /* -1: that end is closed */
};

struct gw_cache_entry {
	struct gw_cache *cache;
	int fd;
	struct gw_blob blob;
};

enum gw_status gw_cache_new(struct gw_cache_store *store, const char *domain, struct gw_cache **out)
{
	struct gw_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return GW_ERR_NOMEM;
	enum gw_status st = gw_cache_domain_open(store, domain, &cache->domain);
	if (st != GW_OK) {
		free(cache);
		return st;
	}
	cache->sock = -1;
	*out = cache;
	return GW_OK;
}

enum gw_status gw_cache_new_remote(int sock, struct gw_cache **out)
{
	struct gw_cache *cache = calloc(1, sizeof(*cache));
	if (!cache) {
		close(sock);
		return GW_ERR_NOMEM;
	}
	cache->sock = sock;
	*out = cache;
	return GW_OK;
}

void gw_cache_free(struct gw_cache *cache)
{
	if (!cache)
		return;
	gw_cache_domain_close(cache->domain);
	if (cache->sock >= 0)
		close(cache->sock);
	free(cache);
}

/* Passes on a status from the other end, and notices if the other end is gone. */
static enum gw_status heard(struct gw_cache *cache, enum gw_status st)
{
	if (st != GW_ERR_LOST && st != GW_ERR_PROTOCOL)
		return st;
	gw_log_warn("cache: the keeper process is gone; this client continues without a cache");
	close(cache->sock);
	cache->sock = -1;
	return GW_ERR_NOT_FOUND;
}

static enum gw_status find(struct gw_cache *cache, struct gw_sums *sums, int *fd, uint64_t *size)
{
	if (cache->domain)
		return gw_cache_domain_find(cache->domain, sums, fd, size);
	if (cache->sock < 0)
		return GW_ERR_NOT_FOUND;
	return heard(cache, gw_cache_ask_find(cache->sock, sums, fd, size));
}

static enum gw_status begin(struct gw_cache *cache, uint64_t size)
{
	if (cache->sock < 0)
		return GW_ERR_NOT_FOUND;
	return heard(cache, gw_cache_post_begin(cache->sock, size));
}

static void finish(struct gw_cache *cache, const struct gw_sums *sums)
{
	if (cache->domain)
		(void)gw_cache_domain_finish(cache->domain, sums);
	else if (cache->sock >= 0)
		(void)heard(cache, gw_cache_post_finish(cache->sock, sums));
}

static void abandon(struct gw_cache *cache)
{
	if (cache->domain)
		gw_cache_domain_abandon(cache->domain);
	else if (cache->sock >= 0)
		(void)heard(cache, gw_cache_post_abandon(cache->sock));
}

static void remove_entry(struct gw_cache *cache, uint64_t fnv)
{
	if (cache->domain)
		gw_cache_domain_remove(cache->domain, fnv);
	else if (cache->sock >= 0)
		(void)heard(cache, gw_cache_post_remove(cache->sock, fnv));
}

/* The store reports it, for all clients at once. */
static void fail(struct gw_cache *cache, int errnum)
{
	if (cache->domain)
		gw_cache_domain_fail(cache->domain, errnum);
	else if (cache->sock >= 0)
		(void)heard(cache, gw_cache_post_fail(cache->sock, errnum));
}

/* Ends the file that is being written. errnum 0: the payload is not complete. */
static void writer_drop(struct gw_cache_writer *w, int errnum)
{
	if (w->fd < 0)
		return;
	close(w->fd);
	if (errnum)
		fail(w->cache, errnum);
	else
		abandon(w->cache);
	gw_digest_end(&w->digest);
	w->fd = -1;
}

static void writer_start(struct gw_cache_writer *w, int fd)
{
	w->fd = fd;
	gw_digest_begin(&w->digest, true, true);
}

/* The file should be there by now: the payload took longer. */
static void writer_await(struct gw_cache_writer *w)
{
	int fd;

	w->awaiting = false;
	if (heard(w->cache, gw_cache_await_begin(w->cache->sock, &fd)) == GW_OK)
		writer_start(w, fd);
}

void gw_cache_write_begin(struct gw_cache_writer *w, struct gw_cache *cache, uint64_t size)
{
	int fd;

	*w = (struct gw_cache_writer){.cache = cache, .fd = -1};
	if (!cache)
		return;
	if (!cache->domain)
		w->awaiting = begin(cache, size) == GW_OK;
	else if (gw_cache_domain_begin(cache->domain, size, &fd) == GW_OK)
		writer_start(w, fd);
}

void gw_cache_write(struct gw_cache_writer *w, const void *data, size_t size)
{
	const uint8_t *p = data;

	if (w->awaiting)
		writer_await(w);
	if (w->fd < 0)
		return;
	gw_digest_update(&w->digest, data, size);
	while (size > 0) {
		ssize_t n = write(w->fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			writer_drop(w, errno);
			return;
		}
		p += n;
		size -= (size_t)n;
	}
}

void gw_cache_write_end(struct gw_cache_writer *w, bool complete)
{
	if (w->awaiting)
		writer_await(w);
	if (w->fd < 0)
		return;
	if (!complete) {
		writer_drop(w, 0);
		return;
	}
	struct gw_sums sums = gw_digest_end(&w->digest);
	/* Some file systems tell only now that the disk is full. */
	int failed = close(w->fd);
	w->fd = -1;
	if (failed) {
		fail(w->cache, errno);
		return;
	}
	finish(w->cache, &sums);
}

enum gw_status gw_cache_open(
	struct gw_cache *cache, const struct gw_sums *sums, struct gw_cache_entry **out, uint64_t *size)
{
	struct gw_cache_entry *e = calloc(1, sizeof(*e));
	if (!e)
		return GW_ERR_NOMEM;
	struct gw_sums known = *sums;
	enum gw_status st = find(cache, &known, &e->fd, size);
	if (st != GW_OK) {
		free(e);
		return st;
	}
	e->cache = cache;
	gw_blob_begin(&e->blob, e->fd, 0, *size, &known);
	*out = e;
	return GW_OK;
}

struct gw_blob *gw_cache_blob(struct gw_cache_entry *e)
{
	return &e->blob;
}

static void entry_free(struct gw_cache_entry *e)
{
	close(e->fd);
	free(e);
}

enum gw_status gw_cache_verify(struct gw_cache_entry *e)
{
	bool good = gw_blob_end(&e->blob);

	if (!good)
		remove_entry(e->cache, e->blob.expected.fnv);
	entry_free(e);
	return good ? GW_OK : GW_ERR_INVALID;
}

void gw_cache_close(struct gw_cache_entry *e)
{
	gw_blob_end(&e->blob);
	entry_free(e);
}
