#include "device/weights/cache_store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "device/weights/cache_account.h"
#include "device/weights/cache_layout.h"
#include "device/weights/cache_names.h"
#include "device/weights/cache_publish.h"

/* Between two lines about payloads that cannot be stored. */
#define COMPLAINT_NS (60 * GW_NS_PER_S)

struct gw_cache_store {
	char *dir;
	bool shared;
	pthread_mutex_t lock; /* of what follows */
	struct gw_cache_account account;
	uint64_t complained_ns; /* when a failure was logged; 0 = never */
};

struct gw_cache_domain {
	struct gw_cache_store *store;
	char *dir;
	struct gw_cache_names names;
	int fd; /* of the payload that is being written; -1 = none */
	char *temp;
	uint64_t size;
};

/* Removes what killed processes left, and says whose the entries are. */
static void introduce(const struct gw_cache_store *store)
{
	struct gw_cache_listing l;
	size_t nobodys = 0;

	gw_cache_list(store->dir, &l);
	for (size_t i = 0; i < l.n; i++)
		nobodys += l.entries[i].dir == 0;
	gw_cache_listing_free(&l);
	if (store->shared) {
		gw_log_info("cache %s: shared by all clients, which must trust each other", store->dir);
		return;
	}
	gw_log_info("cache %s: each client gets back only what came from its own address", store->dir);
	if (nobodys > 0)
		gw_log_info("cache %s: %zu entries of a stock server or an older ggwire are not used: only "
			    "--cache-shared uses them",
			store->dir, nobodys);
}

enum gw_status gw_cache_store_open(const struct gw_cache_store_options *options, struct gw_cache_store **out)
{
	struct gw_cache_store *store = calloc(1, sizeof(*store));
	if (!store)
		return GW_ERR_NOMEM;
	store->dir = strdup(options->dir);
	if (!store->dir) {
		free(store);
		return GW_ERR_NOMEM;
	}
	store->shared = options->shared;
	pthread_mutex_init(&store->lock, NULL);
	gw_cache_account_init(&store->account, store->dir, options->max ? options->max : UINT64_MAX);
	introduce(store);
	(void)gw_cache_account_reserve(&store->account, 0);
	*out = store;
	return GW_OK;
}

void gw_cache_store_close(struct gw_cache_store *store)
{
	if (!store)
		return;
	gw_cache_account_free(&store->account);
	pthread_mutex_destroy(&store->lock);
	free(store->dir);
	free(store);
}

const char *gw_cache_store_dir(const struct gw_cache_store *store)
{
	return store->dir;
}

/* A domain's name as that of a directory: what is no letter, digit or one of ".:_-" becomes %XX, and a first '.' too.
 */
static char *domain_dir(const char *root, const char *domain)
{
	char name[3 * GW_CACHE_DOMAIN_MAX + 1], *out = name, *path;

	for (const char *c = domain; *c; c++) {
		if (isascii(*c) && (isalnum(*c) || strchr(":_-", *c) || (*c == '.' && c != domain)))
			*out++ = *c;
		else
			out += sprintf(out, "%%%02x", (unsigned)(uint8_t)*c);
	}
	*out = '\0';
	return asprintf(&path, "%s/" GW_CACHE_DOMAINS "/%s", root, name) < 0 ? NULL : path;
}

enum gw_status gw_cache_domain_open(struct gw_cache_store *store, const char *domain, struct gw_cache_domain **out)
{
	if (!domain[0] || strlen(domain) > GW_CACHE_DOMAIN_MAX)
		return GW_ERR_INVALID;
	struct gw_cache_domain *d = calloc(1, sizeof(*d));
	if (!d)
		return GW_ERR_NOMEM;
	d->store = store;
	d->fd = -1;
	d->dir = store->shared ? strdup(store->dir) : domain_dir(store->dir, domain);
	if (!d->dir) {
		free(d);
		return GW_ERR_NOMEM;
	}
	*out = d;
	return GW_OK;
}

void gw_cache_domain_close(struct gw_cache_domain *d)
{
	if (!d)
		return;
	gw_cache_domain_abandon(d);
	gw_cache_names_free(&d->names);
	free(d->dir);
	free(d);
}

static char *entry_path(const struct gw_cache_domain *d, uint64_t fnv)
{
	char *path;

	return asprintf(&path, "%s/%016" PRIx64, d->dir, fnv) < 0 ? NULL : path;
}

enum gw_status gw_cache_domain_find(struct gw_cache_domain *d, struct gw_sums *sums, int *fd, uint64_t *size)
{
	struct stat sb;

	if (!gw_cache_names_find(&d->names, d->dir, sums) && !sums->has_fnv)
		return GW_ERR_NOT_FOUND;
	char *path = entry_path(d, sums->fnv);
	int file = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	free(path);
	if (file < 0)
		return GW_ERR_NOT_FOUND;
	if (fstat(file, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		close(file);
		return GW_ERR_NOT_FOUND;
	}
	/* What was used last goes last. Of a file of another user's, the time stays as it is. */
	(void)futimens(file, NULL);
	*fd = file;
	*size = (uint64_t)sb.st_size;
	return GW_OK;
}

static void settle(const struct gw_cache_domain *d, uint64_t reserved, uint64_t written)
{
	pthread_mutex_lock(&d->store->lock);
	gw_cache_account_settle(&d->store->account, reserved, written);
	pthread_mutex_unlock(&d->store->lock);
}

void gw_cache_domain_remove(struct gw_cache_domain *d, uint64_t fnv)
{
	struct stat sb;
	char *path = entry_path(d, fnv);

	if (path && lstat(path, &sb) == 0 && S_ISREG(sb.st_mode) && unlink(path) == 0) {
		gw_log_warn("cache: %s: removed, because its contents do not match its name", path);
		pthread_mutex_lock(&d->store->lock);
		gw_cache_account_removed(&d->store->account, gw_cache_disk_bytes(&sb));
		pthread_mutex_unlock(&d->store->lock);
	}
	free(path);
}

/* What a payload may take: blocks of its own, of names and of directories. */
static uint64_t disk_bytes_for(uint64_t size)
{
	return size + (uint64_t)4 * 4096;
}

static bool reserve(struct gw_cache_domain *d, uint64_t size)
{
	pthread_mutex_lock(&d->store->lock);
	bool ok = gw_cache_account_reserve(&d->store->account, size);
	pthread_mutex_unlock(&d->store->lock);
	return ok;
}

static void make_dir(const struct gw_cache_domain *d)
{
	struct stat sb;

	if (mkdir(d->dir, 0700) == 0 && lstat(d->dir, &sb) == 0)
		settle(d, 0, gw_cache_disk_bytes(&sb));
}

/* Makes the directory of a domain and the one above it, unless they are there. */
static void make_dirs(const struct gw_cache_domain *d)
{
	char *slash = strrchr(d->dir, '/');

	*slash = '\0';
	make_dir(d);
	*slash = '/';
	make_dir(d);
}

/* A new file under a temporary name in the domain's directory. */
static int make_temp(struct gw_cache_domain *d)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int fd = gw_cache_temp(d->dir, &d->temp);
		if (fd >= 0)
			return fd;
		if (errno != ENOENT || d->store->shared)
			break;
		make_dirs(d);
	}
	d->temp = NULL;
	return -1;
}

/* A payload was not stored. A model has hundreds of them, so one line a minute tells that for all clients. */
static void complain(const struct gw_cache_domain *d, int errnum)
{
	struct gw_cache_store *store = d->store;
	bool is_full = errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
	uint64_t now = gw_clock_ns();
	pthread_mutex_lock(&store->lock);
	bool lately = store->complained_ns && now - store->complained_ns < COMPLAINT_NS;
	if (!lately)
		store->complained_ns = now;
	pthread_mutex_unlock(&store->lock);
	if (!lately)
		gw_log_warn("cache %s: weights are not stored: %s; %s", d->dir, strerror(errnum),
			is_full ? "free disk space there, or limit the cache with --cache-size"
				: "check the directory and its file system");
}

enum gw_status gw_cache_domain_begin(struct gw_cache_domain *d, uint64_t size, int *fd)
{
	gw_cache_domain_abandon(d);
	if (size < GW_CACHE_MIN || size > UINT64_MAX / 2 || !reserve(d, disk_bytes_for(size)))
		return GW_ERR_LIMIT;
	d->size = size;
	d->fd = make_temp(d);
	int theirs = d->fd < 0 ? -1 : fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
	if (theirs >= 0) {
		*fd = theirs;
		return GW_OK;
	}
	complain(d, errno);
	if (d->fd < 0)
		settle(d, disk_bytes_for(size), 0);
	gw_cache_domain_abandon(d);
	return GW_ERR_SYSTEM;
}

/* Ends the file that was begun, of which written bytes of disk stay. */
static void end(struct gw_cache_domain *d, uint64_t written)
{
	close(d->fd);
	free(d->temp);
	settle(d, disk_bytes_for(d->size), written);
	d->fd = -1;
	d->temp = NULL;
	d->size = 0;
}

void gw_cache_domain_abandon(struct gw_cache_domain *d)
{
	if (d->fd < 0)
		return;
	unlink(d->temp);
	end(d, 0);
}

void gw_cache_domain_fail(struct gw_cache_domain *d, int errnum)
{
	complain(d, errnum);
	gw_cache_domain_abandon(d);
}

static enum gw_cache_published publish(struct gw_cache_domain *d, uint64_t fnv)
{
	char *path = entry_path(d, fnv);
	if (!path)
		return GW_CACHE_FAILED;
	enum gw_cache_published how = gw_cache_publish(d->temp, d->fd, path);
	if (how == GW_CACHE_COLLIDES)
		gw_log_warn(
			"cache: %s: a client sent a different payload with the same FNV-1a; the existing entry is kept",
			path);
	if (how == GW_CACHE_FAILED)
		complain(d, errno);
	free(path);
	return how;
}

enum gw_status gw_cache_domain_finish(struct gw_cache_domain *d, const struct gw_sums *sums)
{
	struct stat sb;
	uint64_t written = 0;

	if (d->fd < 0 || !sums->has_fnv || fstat(d->fd, &sb) != 0 || (uint64_t)sb.st_size != d->size) {
		gw_cache_domain_abandon(d);
		return GW_ERR_INVALID;
	}
	enum gw_cache_published how = publish(d, sums->fnv);
	if (how == GW_CACHE_PUBLISHED)
		written = gw_cache_disk_bytes(&sb);
	else
		unlink(d->temp);
	if (how == GW_CACHE_PUBLISHED || how == GW_CACHE_THERE)
		written += gw_cache_names_add(&d->names, d->dir, sums);
	end(d, written);
	return how == GW_CACHE_PUBLISHED || how == GW_CACHE_THERE ? GW_OK : GW_ERR_SYSTEM;
}
