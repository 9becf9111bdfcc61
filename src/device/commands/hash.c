/* Weights by their hash: from the files that this server keeps or has. */
#include "base/log.h"
#include "device/commands/commands.h"
#include "device/graph/bounds.h"
#include "device/session/transfer.h"
#include "device/weights/cache.h"
#include "device/weights/models.h"
#include "wire/message.h"

#include <string.h>

static enum gw_status pull_blob(void *from, void *dst, size_t size, struct gw_error *err)
{
	enum gw_status st = gw_blob_read(from, dst, size);

	return st == GW_OK ? st : gw_error_set(err, st, "the file cannot be read");
}

static enum gw_status pull_zeros(void *from, void *dst, size_t size, struct gw_error *err)
{
	(void)from;
	(void)err;
	memset(dst, 0, size);
	return GW_OK;
}

/* What turned out not to be what the client asked for is somebody else's: it is not left where the client reads. */
static void wipe(struct gw_session *s, const struct gw_region *r)
{
	if (gw_region_check(r, NULL) == GW_OK)
		(void)gw_region_fill(s, r, SIZE_MAX, pull_zeros, NULL, NULL);
}

/* Fills what fits with a blob, whose bytes are judged afterwards. "No" makes the client send the data. */
static bool fill(struct gw_session *s, const struct gw_region *r, struct gw_blob *blob)
{
	if (gw_region_check(r, NULL) != GW_OK)
		return false;
	gw_session_synchronize(s);
	return gw_region_fill(s, r, GW_HASHED_PIECE, pull_blob, blob, NULL) == GW_OK;
}

static bool load_cached(struct gw_session *s, struct gw_region *r, const struct gw_sums *sums)
{
	struct gw_cache_entry *entry;

	if (!s->cache || gw_cache_open(s->cache, sums, &entry, &r->size) != GW_OK)
		return false;
	if (!fill(s, r, gw_cache_blob(entry)))
		gw_cache_close(entry);
	else if (gw_cache_verify(entry) == GW_OK)
		return true;
	wipe(s, r);
	return false;
}

static bool load_from_model(struct gw_session *s, struct gw_region *r, const struct gw_sums *sums)
{
	struct gw_model_hit hit;

	if (!s->server->models || gw_models_find(s->server->models, sums, &hit) != GW_OK)
		return false;
	r->size = hit.size;
	bool fits = gw_region_check(r, NULL) == GW_OK;
	bool filled = fill(s, r, &hit.blob);
	bool same = gw_blob_end(&hit.blob);
	if (filled && same)
		return true;
	if (fits)
		gw_models_distrust(s->server->models, &hit);
	wipe(s, r);
	return false;
}

/* What a client asks for. */
struct wanted {
	const struct gw_wire_tensor *tensor;
	uint64_t offset;
	uint64_t size; /* bytes; 0 = not said */
	struct gw_sums sums;
};

static enum gw_status load(struct gw_session *s, const struct wanted *w, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_tensor tensor;
	struct gw_region r = {.tensor = &tensor, .offset = w->offset, .size = w->size, .n = 1};

	enum gw_status st = gw_tensor_resolve(s->opmap, &s->buffers, w->tensor, &tensor, err);
	if (st == GW_OK)
		st = gw_region_check(&r, err);
	if (st != GW_OK)
		return st;
	bool from_model = load_from_model(s, &r, &w->sums);
	bool loaded = from_model || load_cached(s, &r, &w->sums);
	if (loaded)
		gw_session_loaded(s, from_model ? GW_COUNT_LOADED_MODEL : GW_COUNT_LOADED_CACHE, r.size);
	return gw_connection_reply(s->peer, out, gw_wire_bool_rsp_encode(loaded, out), err);
}

enum gw_status gw_do_set_tensor_hash(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_set_hash_req req;

	if (!gw_wire_set_hash_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	const struct wanted wanted = {
		.tensor = &req.tensor, .offset = req.offset, .sums = {.has_fnv = true, .fnv = req.hash}};
	return load(s, &wanted, err);
}

enum gw_status gw_do_ext_set_tensor_xxh3(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_xxh3_req req;

	if (!gw_wire_xxh3_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	const struct wanted wanted = {
		.tensor = &req.tensor,
		.offset = req.offset,
		.size = req.size,
		.sums = {.has_xxh3 = true, .xxh3 = {req.low, req.high}},
	};
	return load(s, &wanted, err);
}
