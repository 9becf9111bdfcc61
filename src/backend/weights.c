#include "backend/weights.h"

#include "base/digest.h"
#include "base/hash.h"
#include "wire/extension.h"

/* Part of the protocol: only data longer than this is kept by its hash. */
#define THRESHOLD ((size_t)10 * 1024 * 1024)

static bool has_hash(const struct gw_buffer *b, const struct gw_wire_set_req *where, uint64_t hash)
{
	const struct gw_wire_set_hash_req req = {.tensor = where->tensor, .offset = where->offset, .hash = hash};
	bool had;

	return gw_client_set_tensor_hash(b->conn->client, &req, &had, NULL) == GW_OK && had;
}

static bool has_xxh3(
	const struct gw_buffer *b, const struct gw_wire_set_req *where, const struct gw_xxh3_sum *sum, size_t size)
{
	const struct gw_wire_xxh3_req req = {where->tensor, where->offset, size, sum->low, sum->high};
	bool had;

	return gw_client_set_tensor_xxh3(b->conn->client, &req, &had, NULL) == GW_OK && had;
}

static void send_for_keeping(
	const struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	struct gw_wire_set_req req = *where;

	req.cache_flag = true;
	(void)gw_client_set_tensor(b->conn->client, &req, data, size, NULL);
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
	if (!has_xxh3(b, where, &sums.xxh3, size))
		send_for_keeping(b, where, data, size);
	return true;
}

/* A stock server does not say whether it keeps weights. If it does not have what it was just sent, it keeps none.
 * Hashing the rest, which is slower than most networks, would be in vain. */
bool gw_weights_set(struct gw_buffer *b, const struct gw_wire_set_req *where, const void *data, size_t size)
{
	enum gw_remote_cache cache = b->conn->cache;

	if (b->conn->xxh3)
		return set_by_xxh3(b, where, data, size);
	if (size <= THRESHOLD || cache == GW_REMOTE_CACHE_NO)
		return false;
	uint64_t hash = gw_fnv1a(GW_FNV_INIT, data, size);
	bool had = has_hash(b, where, hash);
	if (!had)
		send_for_keeping(b, where, data, size);
	if (cache == GW_REMOTE_CACHE_UNKNOWN)
		b->conn->cache = had || has_hash(b, where, hash) ? GW_REMOTE_CACHE_YES : GW_REMOTE_CACHE_NO;
	return true;
}
