/* Reading, writing and copying contents of tensors. */
#include "base/checked.h"
#include "base/log.h"
#include "device/commands/commands.h"
#include "device/graph/alloc_size.h"
#include "device/graph/bounds.h"
#include "device/session/transfer.h"
#include "device/weights/cache.h"
#include "wire/message.h"

#include <string.h>

/* Below this, clients of protocols without the flag do not ask for a hash. */
#define CACHE_THRESHOLD ((uint64_t)10 << 20)

static enum gw_status resolve(
	struct gw_session *s, const struct gw_wire_tensor *t, struct gw_tensor *out, struct gw_error *err)
{
	return gw_tensor_resolve(s->opmap, &s->buffers, t, out, err);
}

/* The size bytes from offset on of the tensor that a request describes, judged. *tensor must outlive *r. */
static enum gw_status resolve_region(struct gw_session *s, const struct gw_wire_tensor *t, uint64_t offset,
	uint64_t size, struct gw_tensor *tensor, struct gw_region *r, struct gw_error *err)
{
	enum gw_status st = resolve(s, t, tensor, err);
	if (st != GW_OK)
		return st;
	*r = (struct gw_region){.tensor = tensor, .offset = offset, .size = size, .n = 1};
	return gw_region_check(r, err);
}

static enum gw_status reply_bool(struct gw_session *s, bool value, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_bool_rsp_encode(value, out);

	return gw_connection_reply(s->peer, out, n, err);
}

static enum gw_status pull_peer(void *from, void *dst, size_t size, struct gw_error *err)
{
	struct gw_session *s = from;

	return gw_connection_read(s->peer, dst, size, err);
}

struct tee {
	struct gw_connection *peer;
	struct gw_cache_writer writer;
};

static enum gw_status pull_peer_and_store(void *from, void *dst, size_t size, struct gw_error *err)
{
	struct tee *tee = from;
	enum gw_status st = gw_connection_read(tee->peer, dst, size, err);

	if (st == GW_OK)
		gw_cache_write(&tee->writer, dst, size);
	return st;
}

static enum gw_status pull_value(void *from, void *dst, size_t size, struct gw_error *err)
{
	const uint8_t *value = from;

	(void)err;
	memset(dst, *value, size);
	return GW_OK;
}

static enum gw_status receive(struct gw_session *s, const struct gw_region *r, bool store, struct gw_error *err)
{
	struct tee tee = {.peer = s->peer};
	enum gw_status st;

	gw_session_loaded(s, GW_COUNT_LOADED_NETWORK, r->size * r->n);
	if (!store)
		return gw_region_fill(s, r, SIZE_MAX, pull_peer, s, err);
	gw_cache_write_begin(&tee.writer, s->cache, r->size);
	st = gw_region_fill(s, r, GW_HASHED_PIECE, pull_peer_and_store, &tee, err);
	gw_cache_write_end(&tee.writer, st == GW_OK);
	return st;
}

enum gw_status gw_do_set_tensor(struct gw_session *s, struct gw_error *err)
{
	uint8_t fixed[GW_WIRE_MAX_FIXED];
	size_t n = gw_wire_set_req_size(s->dialect);
	struct gw_wire_set_req req;
	struct gw_tensor tensor;
	struct gw_region r;

	enum gw_status st = gw_connection_read(s->peer, fixed, n, err);
	if (st != GW_OK)
		return st;
	if (!gw_wire_set_req_decode(s->dialect, fixed, n, &req))
		return gw_refuse_body(n, err);
	st = resolve_region(s, &req.tensor, req.offset, gw_connection_left(s->peer), &tensor, &r, err);
	if (st != GW_OK)
		return st;
	gw_session_synchronize(s);
	bool wanted = s->dialect->cache_flag ? req.cache_flag : r.size > CACHE_THRESHOLD;
	return receive(s, &r, s->cache && wanted, err);
}

/* Decodes and judges what both 2D commands start with. */
static enum gw_status decode_2d(struct gw_session *s, const void *fixed, size_t size, struct gw_tensor *tensor,
	struct gw_region *r, struct gw_error *err)
{
	struct gw_wire_2d_req req;

	if (!gw_wire_2d_req_decode(s->dialect, fixed, size, &req))
		return gw_refuse_body(size, err);
	enum gw_status st = resolve(s, &req.tensor, tensor, err);
	if (st != GW_OK)
		return st;
	*r = (struct gw_region){
		.tensor = tensor, .offset = req.offset, .size = req.size, .n = req.n_copies, .stride = req.stride};
	if (r->size == 0 || r->n == 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "%llu rows of %llu bytes of tensor %s",
			(unsigned long long)r->n, (unsigned long long)r->size, tensor->text);
	return gw_region_check(r, err);
}

enum gw_status gw_do_set_tensor_2d(struct gw_session *s, struct gw_error *err)
{
	uint8_t fixed[GW_WIRE_2D_REQ];
	struct gw_tensor tensor;
	struct gw_region r = {.tensor = &tensor};

	enum gw_status st = gw_connection_read(s->peer, fixed, sizeof(fixed), err);
	if (st == GW_OK)
		st = decode_2d(s, fixed, sizeof(fixed), &tensor, &r, err);
	if (st != GW_OK)
		return st;
	if (r.size * r.n != gw_connection_left(s->peer))
		return gw_error_set(err, GW_ERR_PROTOCOL, "%llu rows of %llu bytes announced, %llu bytes sent",
			(unsigned long long)r.n, (unsigned long long)r.size,
			(unsigned long long)gw_connection_left(s->peer));
	gw_session_synchronize(s);
	return receive(s, &r, false, err);
}

/* What llama.cpp calls the logits: one row for each token that can be chosen from them. */
#define LOGITS "result_output"

/* Only the first read after a graph counts. A server that does not have a model's output layer sees none. */
static void note_logits(struct gw_session *s, const struct gw_region *r)
{
	uint64_t row = r->tensor->ggml.nb[1], bytes = r->size * r->n;

	if (!s->computed || strcmp(r->tensor->ggml.name, LOGITS) != 0 || row == 0 || bytes % row != 0)
		return;
	s->computed = false;
	gw_counters_add(s->counters, GW_COUNT_TOKENS, bytes / row);
}

enum gw_status gw_do_get_tensor_2d(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_tensor tensor;
	struct gw_region r = {.tensor = &tensor};

	enum gw_status st = decode_2d(s, body, size, &tensor, &r, err);
	if (st != GW_OK)
		return st;
	gw_session_synchronize(s);
	note_logits(s, &r);
	return gw_region_reply(s, &r, err);
}

enum gw_status gw_do_get_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_get_req req;
	struct gw_tensor tensor;
	struct gw_region r;

	if (!gw_wire_get_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	enum gw_status st = resolve_region(s, &req.tensor, req.offset, req.size, &tensor, &r, err);
	if (st != GW_OK)
		return st;
	gw_session_synchronize(s);
	note_logits(s, &r);
	return gw_region_reply(s, &r, err);
}

enum gw_status gw_do_memset_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_memset_req req;
	struct gw_tensor tensor;
	struct gw_region r;

	if (!gw_wire_memset_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	enum gw_status st = resolve_region(s, &req.tensor, req.offset, req.size, &tensor, &r, err);
	if (st != GW_OK)
		return st;
	gw_session_synchronize(s);
	return gw_region_fill(s, &r, SIZE_MAX, pull_value, &req.value, err);
}

static bool same_layout(const struct ggml_tensor *a, const struct ggml_tensor *b)
{
	return a->type == b->type && memcmp(a->ne, b->ne, sizeof(a->ne)) == 0 &&
	       memcmp(a->nb, b->nb, sizeof(a->nb)) == 0;
}

static void copy(struct gw_tensor *src, struct gw_tensor *dst)
{
	if (src->nbytes == 0)
		return;
	if (src->buffer->is_host && dst->buffer->is_host)
		memmove(dst->ggml.data, src->ggml.data, src->nbytes);
	else
		ggml_backend_tensor_copy(&src->ggml, &dst->ggml);
}

/* Tensors of different layouts are answered with "no": the client then copies through itself. */
enum gw_status gw_do_copy_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_copy_req req;
	struct gw_tensor src, dst;

	if (!gw_wire_copy_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	enum gw_status st = resolve(s, &req.src, &src, err);
	if (st == GW_OK)
		st = resolve(s, &req.dst, &dst, err);
	if (st != GW_OK)
		return st;
	if (!same_layout(&src.ggml, &dst.ggml))
		return reply_bool(s, false, err);
	gw_session_synchronize(s);
	copy(&src, &dst);
	return reply_bool(s, true, err);
}

static enum gw_status init(struct gw_tensor *t, struct gw_error *err)
{
	const struct gw_buffer *b = t->buffer;
	uint64_t at = (uint64_t)((uint8_t *)t->ggml.data - b->base);
	uint64_t size = gw_alloc_size(gw_device_buft(b->device), &t->ggml);

	/* Devices initialise the padding after the elements. */
	if (!gw_range_ok(at, size, b->size))
		return gw_error_set(err, GW_ERR_PROTOCOL,
			"tensor %s has no room for the %llu bytes that the device wants", t->text,
			(unsigned long long)size);
	if (ggml_backend_buffer_init_tensor(b->buffer, &t->ggml) != GGML_STATUS_SUCCESS)
		return gw_error_set(err, GW_ERR_COMPUTE, "the device cannot initialise tensor %s", t->text);
	if (t->ggml.extra)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "the device keeps state for tensor %s", t->text);
	return GW_OK;
}

/* As the stock server has it, a tensor without a buffer here needs nothing. */
enum gw_status gw_do_init_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_tensor t;
	struct gw_tensor tensor;

	if (!gw_wire_tensor_req_decode(s->dialect, body, size, &t))
		return gw_refuse_body(size, err);
	if (!gw_buffers_find(&s->buffers, t.buffer)) {
		gw_log_debug("INIT_TENSOR: no buffer %llu", (unsigned long long)t.buffer);
		return GW_OK;
	}
	enum gw_status st = resolve(s, &t, &tensor, err);
	if (st != GW_OK || tensor.nbytes == 0)
		return st;
	gw_session_synchronize(s);
	return init(&tensor, err);
}
