#include "backend/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/xxh3.h"

/* A device's numbers must not reach ggml's assertions. */
#define MAX_ALIGNMENT (UINT64_C(1) << 20)

static bool alignment_ok(uint64_t alignment)
{
	return alignment && alignment <= MAX_ALIGNMENT && (alignment & (alignment - 1)) == 0;
}

static size_t take_alignment(const struct gw_link *link, uint32_t device, uint64_t alignment)
{
	if (alignment_ok(alignment))
		return (size_t)alignment;
	gw_log_warn("RPC: %s: device %u announces an alignment of %llu; using %d", gw_client_name(link->client),
		(unsigned)device, (unsigned long long)alignment, GW_LINK_DEFAULT_ALIGNMENT);
	return GW_LINK_DEFAULT_ALIGNMENT;
}

static enum gw_status make_devices(struct gw_link *link, uint32_t n, struct gw_error *err)
{
	if (n == 0)
		return gw_error_set(
			err, GW_ERR_NOT_FOUND, "%s: the server has no devices", gw_client_name(link->client));
	if (n > GW_EXT_MAX_DEVICES)
		return gw_error_set(err, GW_ERR_LIMIT, "%s: the server announces %u devices, more than %d",
			gw_client_name(link->client), (unsigned)n, GW_EXT_MAX_DEVICES);
	link->devices = calloc(n, sizeof(*link->devices));
	if (!link->devices)
		return gw_error_set(err, GW_ERR_NOMEM, "%s: out of memory", gw_client_name(link->client));
	link->n_devices = n;
	/* With room for all, entering a graph cannot fail, and the count stays the server's. */
	for (uint32_t i = 0; i < n; i++)
		if (gw_map_reserve(&link->devices[i].graphs, GW_LINK_GRAPHS) != GW_OK)
			return gw_error_set(err, GW_ERR_NOMEM, "%s: out of memory", gw_client_name(link->client));
	return GW_OK;
}

static enum gw_status ask_count(struct gw_link *link, struct gw_error *err)
{
	uint8_t reply[4];
	uint32_t n;

	enum gw_status status = gw_client_call(link->client, GW_CMD_DEVICE_COUNT, NULL, 0, reply, sizeof(reply));
	if (status != GW_OK)
		return gw_error_set(err, status, "%s: no answer to DEVICE_COUNT", gw_client_name(link->client));
	if (!gw_wire_count_rsp_decode(reply, sizeof(reply), &n))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%s: bad reply", gw_client_name(link->client));
	return make_devices(link, n, err);
}

static void take_info(struct gw_link *link, const struct gw_ext_info *info)
{
	link->cache = info->flags & GW_EXT_SERVER_CACHES ? GW_LINK_CACHE_YES : GW_LINK_CACHE_NO;
	link->allocates = info->flags & GW_EXT_SERVER_ALLOC;
	link->xxh3 = (info->flags & GW_EXT_SERVER_XXH3) && gw_xxh3_available();
	for (uint32_t i = 0; i < link->n_devices; i++) {
		const struct gw_ext_device *from = &info->devices[i];
		struct gw_link_device *to = &link->devices[i];

		to->flags = from->flags;
		to->alignment = take_alignment(link, i, from->alignment);
		to->max_size = from->max_size ? (size_t)from->max_size : SIZE_MAX;
		memcpy(to->description, from->description[0] ? from->description : from->name, GW_EXT_TEXT);
	}
}

static enum gw_status ask_info(struct gw_link *link, struct gw_error *err)
{
	uint8_t level[4];
	struct iovec part = {level, sizeof(level)};
	struct gw_buf reply = {0};
	struct gw_ext_info info;

	gw_put_le32(level, GW_EXT_LEVEL);
	enum gw_status status = gw_client_call_var(link->client, GW_CMD_EXT_INFO, &part, 1, &reply, GW_EXT_INFO_MAX);
	if (status == GW_OK)
		status = gw_ext_info_decode(reply.data, reply.len, &info);
	gw_buf_free(&reply);
	if (status != GW_OK)
		return gw_error_set(err, status, "%s: no usable answer to EXT_INFO", gw_client_name(link->client));
	if (info.flags & GW_EXT_SERVER_FULL)
		status = gw_error_set(err, GW_ERR_LIMIT,
			"server at %s: refused: no client slot is free, or none for this host; try again later, or "
			"raise "
			"--max-clients or --max-clients-per-host there",
			gw_client_name(link->client));
	else
		status = make_devices(link, info.n_devices, err);
	if (status == GW_OK)
		take_info(link, &info);
	gw_ext_info_free(&info);
	return status;
}

enum gw_status gw_link_new(
	struct gw_remote *remote, struct gw_client *client, struct gw_link **out, struct gw_error *err)
{
	struct gw_link *link = calloc(1, sizeof(*link));

	if (!link) {
		gw_client_close(client);
		return gw_error_set(err, GW_ERR_NOMEM, "%s: out of memory", remote->endpoint);
	}
	link->remote = remote;
	link->client = client;
	link->dialect = gw_client_dialect(client);
	link->opmap = gw_opmap_for(link->dialect);
	link->extensions = gw_client_extensions(client);
	link->generation = 1;
	pthread_mutex_init(&link->lock, NULL);
	/* A failure is the next request's too. */
	(void)gw_client_keep_alive(client);
	enum gw_status status = link->extensions ? ask_info(link, err) : ask_count(link, err);
	if (status != GW_OK) {
		gw_link_free(link);
		return status;
	}
	*out = link;
	return GW_OK;
}

uint64_t gw_link_character(const struct gw_link *link)
{
	uint64_t hash = gw_hash_bytes(&link->dialect, sizeof(link->dialect));

	for (uint32_t i = 0; i < link->n_devices; i++) {
		const struct gw_link_device *d = &link->devices[i];
		const uint64_t numbers[] = {hash, d->flags, link->extensions ? d->alignment : 0};
		hash = gw_hash_bytes(numbers, sizeof(numbers));
	}
	return hash ? hash : 1;
}

void gw_link_free(struct gw_link *link)
{
	assert(!link->buffers);
	/* A server that cannot send its empty answers takes the client for one that broke off. */
	if (link->dialect->empty_reply)
		gw_client_drain(link->client, GW_CLIENT_ALL);
	gw_client_close(link->client);
	for (uint32_t i = 0; i < link->n_devices; i++)
		gw_map_free(&link->devices[i].graphs);
	free(link->devices);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

static bool ask_number(struct gw_link *link, enum gw_cmd cmd, uint32_t device, uint64_t *value)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	uint8_t reply[8];
	struct iovec part = {request, gw_wire_device_req_encode(device, request)};

	return gw_client_call(link->client, cmd, &part, 1, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_u64_rsp_decode(reply, sizeof(reply), value);
}

size_t gw_link_alignment(struct gw_link *link, uint32_t device)
{
	struct gw_link_device *d = &link->devices[device];
	uint64_t value;

	pthread_mutex_lock(&link->lock);
	if (!d->alignment && ask_number(link, GW_CMD_GET_ALIGNMENT, device, &value))
		d->alignment = take_alignment(link, device, value);
	size_t alignment = d->alignment ? d->alignment : GW_LINK_DEFAULT_ALIGNMENT;
	pthread_mutex_unlock(&link->lock);
	return alignment;
}

size_t gw_link_max_size(struct gw_link *link, uint32_t device)
{
	struct gw_link_device *d = &link->devices[device];
	uint64_t value;

	pthread_mutex_lock(&link->lock);
	if (!d->max_size && ask_number(link, GW_CMD_GET_MAX_SIZE, device, &value))
		d->max_size = value ? (size_t)value : SIZE_MAX;
	size_t max_size = d->max_size ? d->max_size : SIZE_MAX;
	pthread_mutex_unlock(&link->lock);
	return max_size;
}
