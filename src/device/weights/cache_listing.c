#include "device/weights/cache_listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define TEMP_PREFIX_LEN (sizeof(GW_CACHE_TEMP) - sizeof("XXXXXX"))

/* A file is not locked in the moment in which it is made. Where locks do not work, age alone has to tell. */
#define NEW_SECONDS 10
#define STALE_SECONDS 3600

static time_t age_of(const struct stat *sb)
{
	return time(NULL) - sb->st_mtime;
}

static bool is_temporary(const char *name)
{
	return strncmp(name, GW_CACHE_TEMP, TEMP_PREFIX_LEN) == 0;
}

static bool is_abandoned(int dir, const char *name, const struct stat *sb)
{
	if (age_of(sb) < NEW_SECONDS)
		return false;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
	bool unknown = locked && errno != EWOULDBLOCK;
	close(fd);
	return !locked || (unknown && age_of(sb) > STALE_SECONDS);
}

static bool grow(void *array, size_t *room, size_t n, size_t size)
{
	void **memory = array;

	if (n < *room)
		return true;
	size_t more = *room ? 2 * *room : 64;
	void *p = reallocarray(*memory, more, size);
	if (!p)
		return false;
	*memory = p;
	*room = more;
	return true;
}

static void add(struct gw_cache_listing *l, const char *name, const struct stat *sb)
{
	if (!grow(&l->entries, &l->room, l->n, sizeof(*l->entries)))
		return;
	struct gw_cache_listed *e = &l->entries[l->n++];
	memcpy(e->name, name, sizeof(e->name));
	e->dir = (uint32_t)(l->n_dirs - 1);
	e->bytes = gw_cache_disk_bytes(sb);
	e->used = sb->st_mtim;
}

/* Takes over path. */
static bool add_dir(struct gw_cache_listing *l, char *path)
{
	if (path && grow((void *)&l->dirs, &l->dirs_room, l->n_dirs, sizeof(*l->dirs))) {
		l->dirs[l->n_dirs++] = path;
		return true;
	}
	free(path);
	return false;
}

/* Looks at every file of one directory. The number of entries. */
static size_t walk(DIR *dir, struct gw_cache_listing *l)
{
	struct stat sb;
	size_t n = 0;

	for (struct dirent *e; (e = readdir(dir));) {
		if (fstatat(dirfd(dir), e->d_name, &sb, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(sb.st_mode))
			continue;
		if (is_temporary(e->d_name)) {
			if (is_abandoned(dirfd(dir), e->d_name, &sb))
				unlinkat(dirfd(dir), e->d_name, 0);
			continue;
		}
		bool entry = gw_cache_is_entry(e->d_name);
		n += entry;
		if (l) {
			l->bytes += gw_cache_disk_bytes(&sb);
			if (entry)
				add(l, e->d_name, &sb);
		}
	}
	return n;
}

/* Takes over path. Whether there is an entry in it. */
static bool list_dir(struct gw_cache_listing *l, char *path)
{
	struct stat sb;
	DIR *dir = path ? opendir(path) : NULL;
	size_t n = 0;

	if (!dir) {
		free(path);
		return false;
	}
	if (fstat(dirfd(dir), &sb) == 0)
		l->bytes += gw_cache_disk_bytes(&sb);
	if (add_dir(l, path))
		n = walk(dir, l);
	closedir(dir);
	return n > 0;
}

/* The directory of a domain that has no entry any more. Another process may be about to make one: it will make the
 * directory again. */
static void remove_dir(int domains, const char *name)
{
	struct stat sb;
	char *names = NULL;

	if (fstatat(domains, name, &sb, AT_SYMLINK_NOFOLLOW) != 0 || age_of(&sb) < STALE_SECONDS)
		return;
	if (asprintf(&names, "%s/" GW_CACHE_NAMES, name) < 0)
		return;
	unlinkat(domains, names, 0);
	unlinkat(domains, name, AT_REMOVEDIR);
	free(names);
}

static void list_domains(struct gw_cache_listing *l, const char *root)
{
	char *path, *domain;

	if (asprintf(&path, "%s/" GW_CACHE_DOMAINS, root) < 0)
		return;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		if (asprintf(&domain, "%s/%s", path, e->d_name) >= 0 && !list_dir(l, domain))
			remove_dir(dirfd(dir), e->d_name);
	}
	if (dir)
		closedir(dir);
	free(path);
}

static int by_use(const void *one, const void *other)
{
	const struct gw_cache_listed *a = one, *b = other;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	if (a->used.tv_nsec != b->used.tv_nsec)
		return a->used.tv_nsec < b->used.tv_nsec ? -1 : 1;
	return strcmp(a->name, b->name);
}

void gw_cache_list(const char *path, struct gw_cache_listing *out)
{
	*out = (struct gw_cache_listing){0};
	list_dir(out, strdup(path));
	list_domains(out, path);
	if (out->n > 0)
		qsort(out->entries, out->n, sizeof(*out->entries), by_use);
}

void gw_cache_listing_free(struct gw_cache_listing *l)
{
	for (size_t i = 0; i < l->n_dirs; i++)
		free(l->dirs[i]);
	free((void *)l->dirs);
	free(l->entries);
	*l = (struct gw_cache_listing){0};
}

bool gw_cache_sweep(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = dir ? walk(dir, NULL) : 0;

	if (dir)
		closedir(dir);
	return n > 0;
}
