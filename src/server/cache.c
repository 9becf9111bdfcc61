#include "server/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

struct gw_cache {
	char *dir;
};

struct gw_cache_entry {
	int fd;
	uint64_t expected;
	uint64_t hash;
	char *path;
};

#define TEMP_PREFIX ".ggwire-"

/* A file under a temporary name that nobody has written to for this long was left by a process that was killed. */
#define STALE_SECONDS 3600

static void remove_if_stale(int dir, const char *name)
{
	struct stat sb;

	if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 && fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		sb.st_mtime < time(NULL) - STALE_SECONDS)
		unlinkat(dir, name, 0);
}

static void remove_stale(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		remove_if_stale(dirfd(dir), e->d_name);
	closedir(dir);
}

enum gw_status gw_cache_new(const char *dir, struct gw_cache **out)
{
	struct gw_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return GW_ERR_NOMEM;
	cache->dir = strdup(dir);
	if (!cache->dir) {
		free(cache);
		return GW_ERR_NOMEM;
	}
	remove_stale(dir);
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

void gw_cache_write_begin(struct gw_cache_writer *w, const struct gw_cache *cache)
{
	*w = (struct gw_cache_writer){.cache = cache, .fd = -1, .hash = GW_FNV_INIT};
	if (!cache)
		return;
	char *path;
	if (asprintf(&path, "%s/" TEMP_PREFIX "XXXXXX", cache->dir) < 0)
		return;
	w->fd = mkostemp(path, O_CLOEXEC);
	if (w->fd < 0) {
		writer_fail(w, "create");
		free(path);
		return;
	}
	w->path = path;
}

void gw_cache_write(struct gw_cache_writer *w, const void *data, size_t size)
{
	const uint8_t *p = data;

	if (w->fd < 0)
		return;
	w->hash = gw_fnv1a(w->hash, data, size);
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
	char *path = final_path(w->cache, w->hash);
	int fd = w->fd;

	w->fd = -1;
	if (close(fd) != 0 || !path || rename(w->path, path) != 0) {
		writer_fail(w, "finish");
	} else {
		free(w->path);
		w->path = NULL;
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

enum gw_status gw_cache_open(const struct gw_cache *cache, uint64_t hash, struct gw_cache_entry **out, uint64_t *size)
{
	struct stat sb;
	struct gw_cache_entry *e = calloc(1, sizeof(*e));
	if (!e)
		return GW_ERR_NOMEM;
	*e = (struct gw_cache_entry){.fd = -1, .expected = hash, .hash = GW_FNV_INIT};
	e->path = final_path(cache, hash);
	if (e->path)
		e->fd = open(e->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (e->fd < 0 || fstat(e->fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		gw_cache_close(e);
		return GW_ERR_NOT_FOUND;
	}
	*out = e;
	*size = (uint64_t)sb.st_size;
	return GW_OK;
}

enum gw_status gw_cache_read(struct gw_cache_entry *e, void *data, size_t size)
{
	uint8_t *p = data;

	while (size > 0) {
		ssize_t n = read(e->fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return GW_ERR_SYSTEM;
		e->hash = gw_fnv1a(e->hash, p, (size_t)n);
		p += n;
		size -= (size_t)n;
	}
	return GW_OK;
}

enum gw_status gw_cache_verify(struct gw_cache_entry *e)
{
	enum gw_status st = GW_OK;

	if (e->hash != e->expected) {
		gw_log_warn("cache: %s holds other bytes than its name says; removed", e->path);
		unlink(e->path);
		st = GW_ERR_INVALID;
	}
	gw_cache_close(e);
	return st;
}

void gw_cache_close(struct gw_cache_entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e->path);
	free(e);
}
