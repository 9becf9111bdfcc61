#include "backend/weights.h"

#include "base/hash.h"

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

/* A stock server does not say whether it keeps weights. One that has not got again what it was just sent does not, and
 * then hashing the rest, which is slower than most networks, would be in vain. */
bool gw_weights_set(struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	enum gw_link_cache cache = cache_of(b->link);

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
