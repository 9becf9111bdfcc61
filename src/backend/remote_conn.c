#include "backend/remote_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/report/failure.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/xxh3.h"

/* Connections so far. */
static _Atomic uint64_t n_made;

/* A device's numbers must not reach ggml's assertions. */
#define MAX_ALIGNMENT (UINT64_C(1) << 20)

static bool alignment_ok(uint64_t alignment)
{
	return alignment && alignment <= MAX_ALIGNMENT && (alignment & (alignment - 1)) == 0;
}

static size_t take_alignment(const struct gw_remote_conn *conn, uint32_t device, uint64_t alignment)
{
	if (alignment_ok(alignment))
		return (size_t)alignment;
	gw_log_warn("RPC: %s: device %u announces an alignment of %llu; using %d", gw_client_name(conn->client),
		(unsigned)device, (unsigned long long)alignment, GW_REMOTE_DEFAULT_ALIGNMENT);
	return GW_REMOTE_DEFAULT_ALIGNMENT;
}

static size_t take_max_size(uint64_t max_size)
{
	return max_size ? (size_t)max_size : SIZE_MAX;
}

static enum gw_status make_devices(struct gw_remote_conn *conn, uint32_t n, struct gw_error *err)
{
	const char *name = gw_client_name(conn->client);

	if (n == 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "server at %s: it has no devices", name);
	conn->devices = calloc(n, sizeof(*conn->devices));
	if (!conn->devices)
		return gw_error_set(err, GW_ERR_NOMEM, "server at %s: out of memory", name);
	conn->n_devices = n;
	/* With room for all graphs, entering one cannot fail, and the count stays the server's. */
	for (uint32_t i = 0; i < n; i++)
		if (gw_map_reserve(&conn->devices[i].graphs, GW_REMOTE_GRAPHS) != GW_OK)
			return gw_error_set(err, GW_ERR_NOMEM, "server at %s: out of memory", name);
	return GW_OK;
}

static void take_info(struct gw_remote_conn *conn, const struct gw_ext_info *info)
{
	conn->cache = info->flags & GW_EXT_SERVER_CACHES ? GW_REMOTE_CACHE_YES : GW_REMOTE_CACHE_NO;
	conn->encrypts_links = info->flags & GW_EXT_SERVER_TLS_LINKS;
	conn->makes_links = conn->encrypts_links || info->flags & GW_EXT_SERVER_LINKS;
	conn->xxh3 = (info->flags & GW_EXT_SERVER_XXH3) && gw_xxh3_available();
	for (uint32_t i = 0; i < conn->n_devices; i++) {
		const struct gw_ext_device *from = &info->devices[i];
		struct gw_remote_conn_device *to = &conn->devices[i];

		to->flags = from->flags;
		to->alignment = take_alignment(conn, i, from->alignment);
		to->max_size = take_max_size(from->max_size);
		memcpy(to->description, from->description[0] ? from->description : from->name, GW_EXT_TEXT);
	}
}

static enum gw_status describe(struct gw_remote_conn *conn, struct gw_error *err)
{
	char text[GW_EXT_REFUSAL_TEXT];
	struct gw_ext_info info;
	enum gw_status status = gw_client_describe(conn->client, 0, &info, err);

	if (status != GW_OK)
		return status;
	if (info.flags & GW_EXT_SERVER_FULL)
		status = gw_error_set(err, GW_ERR_LIMIT, "server at %s: %s", gw_client_name(conn->client),
			gw_ext_refusal_text(&info.refusal, text));
	else
		status = make_devices(conn, info.n_devices, err);
	/* A stock server says nothing about its devices but how many there are. */
	if (status == GW_OK && conn->extensions)
		take_info(conn, &info);
	gw_ext_info_free(&info);
	return status;
}

/* A gw_client_lost_fn. The caller may hold conn->lock. */
static void end_if_used(void *user, const struct gw_error *why)
{
	const struct gw_remote_conn *conn = user;

	if (atomic_load(&conn->used))
		gw_failure_lost(gw_client_name(conn->client), why);
	gw_log_error("RPC server %s: connection lost: %s", gw_client_name(conn->client), why->text);
}

enum gw_status gw_remote_conn_new(struct gw_remote *remote, struct gw_client *client, bool exits,
	struct gw_remote_conn **out, struct gw_error *err)
{
	struct gw_remote_conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		gw_error_set(err, GW_ERR_NOMEM, "server at %s: out of memory", gw_client_name(client));
		gw_client_close(client);
		return GW_ERR_NOMEM;
	}
	conn->remote = remote;
	conn->client = client;
	conn->dialect = gw_client_dialect(client);
	conn->opmap = gw_opmap_for(conn->dialect);
	conn->extensions = gw_client_extensions(client);
	conn->generation = 1;
	conn->serial = atomic_fetch_add(&n_made, 1) + 1;
	conn->exits = exits;
	if (exits)
		gw_client_on_loss(client, end_if_used, conn);
	pthread_mutex_init(&conn->lock, NULL);
	/* If this fails, so does the next request. */
	(void)gw_client_keep_alive(client);
	enum gw_status status = describe(conn, err);
	if (status != GW_OK)
		gw_remote_conn_free(conn);
	else
		*out = conn;
	return status;
}

void gw_remote_conn_free(struct gw_remote_conn *conn)
{
	assert(!conn->buffers);
	/* What nobody uses any more is not missed. */
	gw_client_on_loss(conn->client, NULL, NULL);
	/* A server that cannot send its empty replies takes the client for one that broke off. */
	if (conn->dialect->empty_reply)
		gw_client_drain(conn->client, GW_CLIENT_ALL);
	gw_client_close(conn->client);
	for (uint32_t i = 0; i < conn->n_devices; i++) {
		gw_map_free(&conn->devices[i].graphs);
		gw_buf_free(&conn->devices[i].unnamed);
	}
	free(conn->devices);
	pthread_mutex_destroy(&conn->lock);
	free(conn);
}

uint64_t gw_remote_conn_character(const struct gw_remote_conn *conn)
{
	uint64_t hash = gw_hash_bytes(&conn->dialect, sizeof(conn->dialect));

	for (uint32_t i = 0; i < conn->n_devices; i++) {
		const struct gw_remote_conn_device *d = &conn->devices[i];
		/* A stock server's alignment is not known yet. */
		const uint64_t numbers[] = {hash, d->flags, conn->extensions ? d->alignment : 0};
		hash = gw_hash_bytes(numbers, sizeof(numbers));
	}
	return hash ? hash : 1;
}

/* Two threads may ask at the same time; both get the same reply. */
size_t gw_remote_conn_alignment(struct gw_remote_conn *conn, uint32_t device)
{
	struct gw_remote_conn_device *d = &conn->devices[device];
	uint64_t value;

	if (!d->alignment && gw_client_alignment(conn->client, device, &value, NULL) == GW_OK)
		d->alignment = take_alignment(conn, device, value);
	return d->alignment ? d->alignment : GW_REMOTE_DEFAULT_ALIGNMENT;
}

size_t gw_remote_conn_max_size(struct gw_remote_conn *conn, uint32_t device)
{
	struct gw_remote_conn_device *d = &conn->devices[device];
	uint64_t value;

	if (!d->max_size && gw_client_max_size(conn->client, device, &value, NULL) == GW_OK)
		d->max_size = take_max_size(value);
	return d->max_size ? d->max_size : SIZE_MAX;
}
