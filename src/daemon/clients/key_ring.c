#include "daemon/clients/key_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"

/* What changes when a file does: an editor replaces it, `ggwire key` appends to it. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	mode_t mode;
	uid_t owner;
	struct timespec changed;
};

struct gw_key_ring {
	char path[4096];
	struct stamp stamp; /* all zero: there was no file */
	struct gw_tls_keys keys;
};

static struct stamp stamp_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return (struct stamp){0};
	return (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mode, st.st_uid, st.st_ctim};
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mode == b->mode &&
	       a->owner == b->owner && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Patterns mean nothing to a server, so that here an identity has one key. */
static enum gw_status check_identities(const struct gw_tls_keys *keys, const char *path, struct gw_error *err)
{
	for (size_t i = 0; i < keys->n; i++)
		if (gw_tls_keys_find(keys, keys->keys[i].identity) != &keys->keys[i])
			return gw_error_set(err, GW_ERR_INVALID, "key file %s: identity %s has two keys", path,
				keys->keys[i].identity);
	return GW_OK;
}

/* The stamp is taken first: a change while the file is read makes it different. */
static enum gw_status load(struct gw_key_ring *ring, struct gw_error *err)
{
	gw_tls_keys_free(&ring->keys);
	ring->stamp = stamp_of(ring->path);
	enum gw_status status = gw_tls_keys_load(ring->path, &ring->keys, err);
	if (!status)
		status = check_identities(&ring->keys, ring->path, err);
	if (status)
		gw_tls_keys_free(&ring->keys);
	return status;
}

enum gw_status gw_key_ring_open(const char *path, struct gw_key_ring **out, struct gw_error *err)
{
	struct gw_key_ring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status status = GW_OK;
	if ((size_t)snprintf(ring->path, sizeof(ring->path), "%s", path) >= sizeof(ring->path))
		status = gw_error_set(err, GW_ERR_INVALID, "key file %.100s...: the path is too long", path);
	if (!status)
		status = load(ring, err);
	if (status)
		gw_key_ring_free(ring);
	else
		*out = ring;
	return status;
}

void gw_key_ring_free(struct gw_key_ring *ring)
{
	if (!ring)
		return;
	gw_tls_keys_free(&ring->keys);
	free(ring);
}

static void refresh(struct gw_key_ring *ring)
{
	struct gw_error err;
	const struct stamp now = stamp_of(ring->path);
	if (is_same(&now, &ring->stamp))
		return;
	if (load(ring, &err))
		gw_log_error("%s; no client with TLS is served until it is mended", err.text);
	else
		gw_log_info(
			"key file %s has changed: %zu key%s", ring->path, ring->keys.n, ring->keys.n == 1 ? "" : "s");
}

enum gw_status gw_key_ring_find(
	struct gw_key_ring *ring, const char *identity, struct gw_tls_key *out, struct gw_error *err)
{
	if (!ring)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "this server has no keys");
	refresh(ring);
	const struct gw_tls_key *key = gw_tls_keys_find(&ring->keys, identity);
	if (!key)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "this name is not in the key file");
	if (gw_tls_key_has_expired(key, time(NULL)))
		return gw_error_set(err, GW_ERR_NOT_FOUND, "its key has expired");
	*out = *key;
	return GW_OK;
}

size_t gw_key_ring_count(const struct gw_key_ring *ring)
{
	return ring ? ring->keys.n : 0;
}
