#include "device/session/transfer.h"

#include <unistd.h>

#include "base/checked.h"
#include "device/memory/prefault.h"

/* Smaller writes are over before another thread is awake. */
#define PREFAULT_MIN ((uint64_t)1 << 20)
/* How far ahead of a write pages are faulted in: weights arrive in the order of their addresses. */
#define PREFAULT_AHEAD ((uint64_t)16 << 20)

static enum gw_status exceeds(const struct gw_region *r, struct gw_error *err)
{
	if (r->n == 1)
		return gw_error_set(err, GW_ERR_PROTOCOL, "offset %llu + size %llu exceeds tensor %s of %llu bytes",
			(unsigned long long)r->offset, (unsigned long long)r->size, r->tensor->text,
			(unsigned long long)r->tensor->nbytes);
	return gw_error_set(err, GW_ERR_PROTOCOL,
		"offset %llu + %llu rows of %llu bytes, %llu apart, exceed tensor %s of %llu bytes",
		(unsigned long long)r->offset, (unsigned long long)r->n, (unsigned long long)r->size,
		(unsigned long long)r->stride, r->tensor->text, (unsigned long long)r->tensor->nbytes);
}

enum gw_status gw_region_check(const struct gw_region *r, struct gw_error *err)
{
	uint64_t span = 0;

	if (r->n > 1 && r->stride < r->size)
		return gw_error_set(err, GW_ERR_PROTOCOL, "rows of %llu bytes, %llu apart, overlap in tensor %s",
			(unsigned long long)r->size, (unsigned long long)r->stride, r->tensor->text);
	if (r->n > 0 && (!gw_mul_u64(r->n - 1, r->stride, &span) || !gw_add_u64(span, r->size, &span)))
		return exceeds(r, err);
	return gw_range_ok(r->offset, span, r->tensor->nbytes) ? GW_OK : exceeds(r, err);
}

/* Rows without a gap between them are one row. */
static struct gw_region joined(const struct gw_region *r)
{
	struct gw_region one = *r;

	if (r->n > 1 && r->stride == r->size) {
		one.size = r->size * r->n;
		one.n = 1;
	}
	if (r->size == 0)
		one.n = 0;
	return one;
}

static enum gw_status no_chunk(struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_NOMEM, "no memory for a chunk of %zu bytes", GW_STAGING_CHUNK);
}

/* The chunk to use next; the same ones come round, so the transport may prepare them. */
static uint8_t *staging_chunk(struct gw_session *s, struct gw_device *device)
{
	bool is_new = !s->staging.chunk[s->staging.current];
	uint8_t *chunk = gw_staging_chunk(&s->staging, device);

	if (chunk && is_new)
		gw_connection_register_memory(s->peer, chunk, GW_STAGING_CHUNK);
	return chunk;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Has another processor, if there is one, make the memory present that a long write goes to. */
static void prefault(struct gw_session *s, const struct gw_region *r)
{
	const struct gw_buffer *b = r->tensor->buffer;
	const uint8_t *begin = (const uint8_t *)r->tensor->ggml.data + r->offset;

	if (r->n != 1 || r->size < PREFAULT_MIN)
		return;
	if (!s->prefault && (sysconf(_SC_NPROCESSORS_ONLN) < 2 || gw_prefault_new(&s->prefault) != GW_OK))
		return;
	uint64_t left = b->size - (uint64_t)(begin - b->base);
	gw_prefault_range(s->prefault, begin, begin + lesser(left, r->size + PREFAULT_AHEAD));
}

static enum gw_status fill_host(const struct gw_region *r, size_t piece, gw_pull pull, void *from, struct gw_error *err)
{
	for (uint64_t row = 0; row < r->n; row++) {
		uint8_t *dst = (uint8_t *)r->tensor->ggml.data + r->offset + row * r->stride;
		for (uint64_t done = 0; done < r->size;) {
			uint64_t n = lesser(r->size - done, piece);
			enum gw_status st = pull(from, dst + done, n, err);
			if (st != GW_OK)
				return st;
			done += n;
		}
	}
	return GW_OK;
}

/* Rows that are longer than a chunk, one chunk at a time. */
static enum gw_status fill_device_long(
	struct gw_session *s, const struct gw_region *r, gw_pull pull, void *from, struct gw_error *err)
{
	struct gw_device *device = r->tensor->buffer->device;

	for (uint64_t row = 0; row < r->n; row++) {
		uint64_t offset = r->offset + row * r->stride;
		for (uint64_t done = 0; done < r->size;) {
			uint64_t n = lesser(r->size - done, GW_STAGING_CHUNK);
			uint8_t *chunk = staging_chunk(s, device);
			enum gw_status st = chunk ? pull(from, chunk, n, err) : no_chunk(err);
			if (st != GW_OK)
				return st;
			gw_staging_upload(&s->staging, device, &r->tensor->ggml, offset + done, n, 1, n);
			done += n;
		}
	}
	return GW_OK;
}

/* Rows of which several fit into a chunk. */
static enum gw_status fill_device_short(
	struct gw_session *s, const struct gw_region *r, gw_pull pull, void *from, struct gw_error *err)
{
	struct gw_device *device = r->tensor->buffer->device;

	for (uint64_t row = 0; row < r->n;) {
		uint64_t n = lesser(r->n - row, GW_STAGING_CHUNK / r->size);
		uint8_t *chunk = staging_chunk(s, device);
		enum gw_status st = chunk ? pull(from, chunk, n * r->size, err) : no_chunk(err);
		if (st != GW_OK)
			return st;
		gw_staging_upload(
			&s->staging, device, &r->tensor->ggml, r->offset + row * r->stride, r->size, n, r->stride);
		row += n;
	}
	return GW_OK;
}

enum gw_status gw_region_fill(struct gw_session *s, const struct gw_region *region, size_t piece, gw_pull pull,
	void *from, struct gw_error *err)
{
	struct gw_region r = joined(region);

	if (r.tensor->buffer->is_host) {
		prefault(s, &r);
		return fill_host(&r, piece, pull, from, err);
	}
	if (r.size > GW_STAGING_CHUNK)
		return fill_device_long(s, &r, pull, from, err);
	return fill_device_short(s, &r, pull, from, err);
}

/* Copies n rows, from row on, out of a device. */
static void gather(const struct gw_region *r, uint64_t row, uint64_t n, uint8_t *chunk)
{
	uint64_t offset = r->offset + row * r->stride;

	if (n == 1)
		ggml_backend_tensor_get(&r->tensor->ggml, chunk, offset, r->size);
	else
		ggml_backend_tensor_get_2d(&r->tensor->ggml, chunk, offset, r->size, n, r->stride, r->size);
}

static enum gw_status reply_rows(struct gw_session *s, const struct gw_region *r, struct gw_error *err)
{
	for (uint64_t row = 0; row < r->n;) {
		uint64_t n = lesser(r->n - row, GW_STAGING_CHUNK / r->size);
		uint8_t *chunk = staging_chunk(s, r->tensor->buffer->device);
		if (!chunk)
			return no_chunk(err);
		gather(r, row, n, chunk);
		enum gw_status st = gw_connection_reply_write(s->peer, chunk, n * r->size, err);
		if (st != GW_OK)
			return st;
		row += n;
	}
	return GW_OK;
}

static enum gw_status reply_host(struct gw_session *s, const struct gw_region *r, struct gw_error *err)
{
	const uint8_t *data = (const uint8_t *)r->tensor->ggml.data + r->offset;

	for (uint64_t row = 0; row < r->n; row++) {
		enum gw_status st = gw_connection_reply_write(s->peer, data + row * r->stride, r->size, err);
		if (st != GW_OK)
			return st;
	}
	return GW_OK;
}

static enum gw_status reply_long(struct gw_session *s, const struct gw_region *r, struct gw_error *err)
{
	for (uint64_t row = 0; row < r->n; row++) {
		struct gw_region part = {.tensor = r->tensor, .offset = r->offset + row * r->stride, .n = 1};
		for (uint64_t done = 0; done < r->size; done += part.size, part.offset += part.size) {
			part.size = lesser(r->size - done, GW_STAGING_CHUNK);
			enum gw_status st = reply_rows(s, &part, err);
			if (st != GW_OK)
				return st;
		}
	}
	return GW_OK;
}

enum gw_status gw_region_reply(struct gw_session *s, const struct gw_region *region, struct gw_error *err)
{
	struct gw_region r = joined(region);

	enum gw_status st = gw_session_outcome(s, err);
	if (st == GW_OK)
		st = gw_connection_reply_begin(s->peer, r.size * r.n, err);
	if (st != GW_OK || r.n == 0)
		return st;
	if (r.tensor->buffer->is_host)
		return reply_host(s, &r, err);
	return r.size > GW_STAGING_CHUNK ? reply_long(s, &r, err) : reply_rows(s, &r, err);
}
