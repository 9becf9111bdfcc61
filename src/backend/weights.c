#include "backend/weights.h"

#include "base/digest.h"
#include "base/hash.h"
#include "wire/extension.h"

/* Part of the protocol: only data longer than this is kept by its hash. */
#define THRESHOLD ((size_t)10 * 1024 * 1024)

static bool ask(const struct gw_buffer *b, const struct gw_wire_set_req *where, uint64_t hash)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[1];
	struct gw_wire_set_hash_req req = {.tensor = where->tensor, .offset = where->offset, .hash = hash};
	struct iovec part = {request, gw_wire_set_hash_req_encode(b->link->dialect, &req, request)};
	bool written;

	return gw_client_call(b->link->client, GW_CMD_SET_TENSOR_HASH, &part, 1, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_bool_rsp_decode(reply, sizeof(reply), &written) && written;
}

static bool ask_xxh3(
	const struct gw_buffer *b, const struct gw_wire_set_req *where, const struct gw_xxh3_sum *sum, size_t size)
{
	uint8_t request[GW_WIRE_MAX_FIXED], reply[1];
	struct gw_wire_xxh3_req req = {where->tensor, where->offset, size, sum->low, sum->high};
	struct iovec part = {request, gw_wire_xxh3_req_encode(b->link->dialect, &req, request)};
	bool written;

	return gw_client_call(b->link->client, GW_CMD_EXT_SET_TENSOR_XXH3, &part, 1, reply, sizeof(reply)) == GW_OK &&
	       gw_wire_bool_rsp_decode(reply, sizeof(reply), &written) && written;
}

static void send_for_keeping(
	const struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	struct gw_wire_set_req req = *where;
	uint8_t request[GW_WIRE_MAX_FIXED];

	req.cache_flag = true;
	struct iovec parts[2] = {
		{request, gw_wire_set_req_encode(b->link->dialect, &req, request)},
		{(void *)data, size},
	};
	gw_client_post(b->link->client, GW_CMD_SET_TENSOR, parts, 2);
}

static enum gw_link_cache cache_of(struct gw_link *link)
{
	pthread_mutex_lock(&link->lock);
	enum gw_link_cache cache = link->cache;
	pthread_mutex_unlock(&link->lock);
	return cache;
}

static void learn(struct gw_link *link, bool keeps)
{
	pthread_mutex_lock(&link->lock);
	link->cache = keeps ? GW_LINK_CACHE_YES : GW_LINK_CACHE_NO;
	pthread_mutex_unlock(&link->lock);
}

static bool set_by_xxh3(struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	struct gw_digest digest;

	if (size < GW_EXT_XXH3_MIN)
		return false;
	gw_digest_begin(&digest, false, true);
	gw_digest_update(&digest, data, size);
	struct gw_sums sums = gw_digest_end(&digest);
	if (!sums.has_xxh3)
		return false;
	if (!ask_xxh3(b, where, &sums.xxh3, size))
		send_for_keeping(b, where, data, size);
	return true;
}

/* A stock server does not say whether it keeps weights. One that has not got again what it was just sent does not, and
 * then hashing the rest, which is slower than most networks, would be in vain. */
bool gw_weights_set(struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	enum gw_link_cache cache = cache_of(b->link);

	if (b->link->xxh3)
		return set_by_xxh3(b, where, data, size);
	if (size <= THRESHOLD || cache == GW_LINK_CACHE_NO)
		return false;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, data, size);
	bool had = ask(b, where, hash);
	if (!had)
		send_for_keeping(b, where, data, size);
	if (cache == GW_LINK_CACHE_UNKNOWN)
		learn(b->link, had || ask(b, where, hash));
	return true;
}
