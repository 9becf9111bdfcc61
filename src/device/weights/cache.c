#include "device/weights/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "device/weights/cache_names.h"
#include "device/weights/cache_trim.h"

struct gw_cache {
	char *dir;
	uint64_t max; /* bytes */
};

struct gw_cache_entry {
	int fd;
	struct gw_blob blob;
	char *path;
};

enum gw_status gw_cache_new(const char *dir, uint64_t max, struct gw_cache **out)
{
	struct gw_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return GW_ERR_NOMEM;
	cache->dir = strdup(dir);
	if (!cache->dir) {
		free(cache);
		return GW_ERR_NOMEM;
	}
	cache->max = max ? max : UINT64_MAX;
	gw_cache_trim(dir, cache->max);
	*out = cache;
	return GW_OK;
}

void gw_cache_free(struct gw_cache *cache)
{
	if (!cache)
		return;
	free(cache->dir);
	free(cache);
}

const char *gw_cache_dir(const struct gw_cache *cache)
{
	return cache->dir;
}

static char *final_path(const struct gw_cache *cache, uint64_t hash)
{
	char *path;

	return asprintf(&path, "%s/%016" PRIx64, cache->dir, hash) < 0 ? NULL : path;
}

static void writer_drop(struct gw_cache_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->path)
		unlink(w->path);
	gw_digest_end(&w->digest);
	free(w->path);
	w->fd = -1;
	w->path = NULL;
}

static void writer_fail(struct gw_cache_writer *w, const char *what)
{
	int errnum = errno;

	gw_log_warn("cache %s: cannot %s a file: %s", w->cache->dir, what, strerror(errnum));
	writer_drop(w);
}

void gw_cache_write_begin(struct gw_cache_writer *w, const struct gw_cache *cache, uint64_t size)
{
	*w = (struct gw_cache_writer){.cache = cache, .fd = -1};
	if (!cache || size > cache->max)
		return;
	if (cache->max != UINT64_MAX)
		gw_cache_trim(cache->dir, cache->max - size);
	char *path;
	if (asprintf(&path, "%s/" GW_CACHE_TEMP, cache->dir) < 0)
		return;
	w->fd = mkostemp(path, O_CLOEXEC);
	if (w->fd < 0) {
		writer_fail(w, "create");
		free(path);
		return;
	}
	flock(w->fd, LOCK_EX);
	w->path = path;
	gw_digest_begin(&w->digest, true, true);
}

void gw_cache_write(struct gw_cache_writer *w, const void *data, size_t size)
{
	const uint8_t *p = data;

	if (w->fd < 0)
		return;
	gw_digest_update(&w->digest, data, size);
	while (size > 0) {
		ssize_t n = write(w->fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			writer_fail(w, "write");
			return;
		}
		p += n;
		size -= (size_t)n;
	}
}

static void writer_keep(struct gw_cache_writer *w)
{
	struct gw_sums sums = gw_digest_end(&w->digest);
	char *path = final_path(w->cache, sums.fnv);
	int fd = w->fd;

	w->fd = -1;
	if (close(fd) != 0 || !path || rename(w->path, path) != 0) {
		writer_fail(w, "finish");
	} else {
		free(w->path);
		w->path = NULL;
		gw_cache_names_add(w->cache->dir, &sums);
	}
	free(path);
}

void gw_cache_write_end(struct gw_cache_writer *w, bool complete)
{
	if (w->fd >= 0 && complete)
		writer_keep(w);
	else
		writer_drop(w);
}

static void entry_free(struct gw_cache_entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e->path);
	free(e);
}

enum gw_status gw_cache_open(
	const struct gw_cache *cache, const struct gw_sums *sums, struct gw_cache_entry **out, uint64_t *size)
{
	struct stat sb;
	struct gw_cache_entry *e = calloc(1, sizeof(*e));
	if (!e)
		return GW_ERR_NOMEM;
	e->fd = -1;
	struct gw_sums known = *sums;
	if (gw_cache_names_find(cache->dir, &known) || known.has_fnv)
		e->path = final_path(cache, known.fnv);
	if (e->path)
		e->fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (e->fd < 0 || fstat(e->fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		entry_free(e);
		return GW_ERR_NOT_FOUND;
	}
	gw_blob_begin(&e->blob, e->fd, 0, (uint64_t)sb.st_size, &known);
	/* What was used last goes last. Of a file of another user's, the time stays as it is. */
	(void)futimens(e->fd, NULL);
	*out = e;
	*size = (uint64_t)sb.st_size;
	return GW_OK;
}

struct gw_blob *gw_cache_blob(struct gw_cache_entry *e)
{
	return &e->blob;
}

enum gw_status gw_cache_verify(struct gw_cache_entry *e)
{
	bool good = gw_blob_end(&e->blob);

	if (!good) {
		gw_log_warn("cache: %s holds other bytes than its name says; removed", e->path);
		unlink(e->path);
	}
	entry_free(e);
	return good ? GW_OK : GW_ERR_INVALID;
}

void gw_cache_close(struct gw_cache_entry *e)
{
	gw_blob_end(&e->blob);
	entry_free(e);
}
