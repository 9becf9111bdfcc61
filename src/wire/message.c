#include "wire/message.h"

static void put_tensor(struct gw_wr *w, const struct gw_dialect *d, const struct gw_wire_tensor *t)
{
	uint8_t *room = gw_wr_room(w, GW_WIRE_TENSOR_SIZE);
	if (room)
		gw_wire_tensor_encode(d, t, room);
}

static void take_tensor(struct gw_rd *r, const struct gw_dialect *d, struct gw_wire_tensor *t)
{
	const uint8_t *bytes = gw_rd_bytes(r, GW_WIRE_TENSOR_SIZE);
	if (bytes)
		gw_wire_tensor_decode(d, bytes, t);
}

static void take_bytes(struct gw_rd *r, void *out, size_t n)
{
	const uint8_t *bytes = gw_rd_bytes(r, n);
	if (bytes)
		memcpy(out, bytes, n);
}

static struct gw_wr fixed_room(uint8_t *out)
{
	return gw_wr_init(out, GW_WIRE_MAX_FIXED);
}

static size_t written(const struct gw_wr *w, const uint8_t *out)
{
	return (size_t)(w->p - out);
}

size_t gw_wire_hello_req_encode(const struct gw_wire_hello_req *m, uint8_t *out)
{
	memcpy(out, m->caps, GW_WIRE_CAPS);
	return GW_WIRE_HELLO_REQ;
}

bool gw_wire_hello_req_decode(const void *body, size_t size, struct gw_wire_hello_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_bytes(&r, m->caps, GW_WIRE_CAPS);
	return gw_rd_done(&r);
}

size_t gw_wire_hello_rsp_encode(const struct gw_wire_hello_rsp *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u8(&w, m->version.major);
	gw_wr_u8(&w, m->version.minor);
	gw_wr_u8(&w, m->version.patch);
	gw_wr_u8(&w, m->extensions);
	gw_wr_bytes(&w, m->caps, GW_WIRE_CAPS);
	return written(&w, out);
}

bool gw_wire_hello_rsp_decode(const void *body, size_t size, struct gw_wire_hello_rsp *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->version.major = gw_rd_u8(&r);
	m->version.minor = gw_rd_u8(&r);
	m->version.patch = gw_rd_u8(&r);
	m->extensions = gw_rd_u8(&r);
	take_bytes(&r, m->caps, GW_WIRE_CAPS);
	return gw_rd_done(&r);
}

size_t gw_wire_alloc_req_encode(const struct gw_wire_alloc_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u32(&w, m->device);
	gw_wr_u64(&w, m->size);
	return written(&w, out);
}

bool gw_wire_alloc_req_decode(const void *body, size_t size, struct gw_wire_alloc_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->device = gw_rd_u32(&r);
	m->size = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_alloc_rsp_encode(const struct gw_wire_alloc_rsp *m, uint8_t *out)
{
	gw_put_le64(out, m->buffer);
	gw_put_le64(out + 8, m->size);
	return 16;
}

bool gw_wire_alloc_rsp_decode(const void *body, size_t size, struct gw_wire_alloc_rsp *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->buffer = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_device_req_encode(uint32_t device, uint8_t *out)
{
	gw_put_le32(out, device);
	return 4;
}

bool gw_wire_device_req_decode(const void *body, size_t size, uint32_t *device)
{
	struct gw_rd r = gw_rd_init(body, size);
	*device = gw_rd_u32(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_buffer_req_encode(uint64_t buffer, uint8_t *out)
{
	return gw_wire_u64_rsp_encode(buffer, out);
}

bool gw_wire_buffer_req_decode(const void *body, size_t size, uint64_t *buffer)
{
	return gw_wire_u64_rsp_decode(body, size, buffer);
}

size_t gw_wire_u64_rsp_encode(uint64_t value, uint8_t *out)
{
	gw_put_le64(out, value);
	return 8;
}

bool gw_wire_u64_rsp_decode(const void *body, size_t size, uint64_t *value)
{
	struct gw_rd r = gw_rd_init(body, size);
	*value = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_count_rsp_encode(uint32_t count, uint8_t *out)
{
	return gw_wire_device_req_encode(count, out);
}

bool gw_wire_count_rsp_decode(const void *body, size_t size, uint32_t *count)
{
	return gw_wire_device_req_decode(body, size, count);
}

size_t gw_wire_bool_rsp_encode(bool value, uint8_t *out)
{
	out[0] = value;
	return 1;
}

bool gw_wire_bool_rsp_decode(const void *body, size_t size, bool *value)
{
	struct gw_rd r = gw_rd_init(body, size);
	*value = gw_rd_u8(&r) != 0;
	return gw_rd_done(&r);
}

size_t gw_wire_memory_rsp_encode(const struct gw_wire_memory_rsp *m, uint8_t *out)
{
	gw_put_le64(out, m->free);
	gw_put_le64(out + 8, m->total);
	return 16;
}

bool gw_wire_memory_rsp_decode(const void *body, size_t size, struct gw_wire_memory_rsp *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->free = gw_rd_u64(&r);
	m->total = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_clear_req_encode(const struct gw_wire_clear_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u64(&w, m->buffer);
	gw_wr_u8(&w, m->value);
	return written(&w, out);
}

bool gw_wire_clear_req_decode(const void *body, size_t size, struct gw_wire_clear_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->buffer = gw_rd_u64(&r);
	m->value = gw_rd_u8(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_set_req_size(const struct gw_dialect *d)
{
	return GW_WIRE_TENSOR_SIZE + (d->cache_flag ? 1 : 0) + 8;
}

size_t gw_wire_set_req_encode(const struct gw_dialect *d, const struct gw_wire_set_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	if (d->cache_flag)
		gw_wr_u8(&w, m->cache_flag);
	gw_wr_u64(&w, m->offset);
	return written(&w, out);
}

bool gw_wire_set_req_decode(const struct gw_dialect *d, const void *fixed, size_t size, struct gw_wire_set_req *m)
{
	struct gw_rd r = gw_rd_init(fixed, size);
	take_tensor(&r, d, &m->tensor);
	m->cache_flag = d->cache_flag && gw_rd_u8(&r) != 0;
	m->offset = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_set_hash_req_encode(const struct gw_dialect *d, const struct gw_wire_set_hash_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	gw_wr_u64(&w, m->offset);
	gw_wr_u64(&w, m->hash);
	return written(&w, out);
}

bool gw_wire_set_hash_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_set_hash_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->tensor);
	m->offset = gw_rd_u64(&r);
	m->hash = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_xxh3_req_encode(const struct gw_dialect *d, const struct gw_wire_xxh3_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	gw_wr_u64(&w, m->offset);
	gw_wr_u64(&w, m->size);
	gw_wr_u64(&w, m->low);
	gw_wr_u64(&w, m->high);
	return written(&w, out);
}

bool gw_wire_xxh3_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_xxh3_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->tensor);
	m->offset = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	m->low = gw_rd_u64(&r);
	m->high = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_get_req_encode(const struct gw_dialect *d, const struct gw_wire_get_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	gw_wr_u64(&w, m->offset);
	gw_wr_u64(&w, m->size);
	return written(&w, out);
}

bool gw_wire_get_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_get_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->tensor);
	m->offset = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_copy_req_encode(const struct gw_dialect *d, const struct gw_wire_copy_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->src);
	put_tensor(&w, d, &m->dst);
	return written(&w, out);
}

bool gw_wire_copy_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_copy_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->src);
	take_tensor(&r, d, &m->dst);
	return gw_rd_done(&r);
}

size_t gw_wire_tensor_req_encode(const struct gw_dialect *d, const struct gw_wire_tensor *m, uint8_t *out)
{
	gw_wire_tensor_encode(d, m, out);
	return GW_WIRE_TENSOR_SIZE;
}

bool gw_wire_tensor_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_tensor *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, m);
	return gw_rd_done(&r);
}

size_t gw_wire_node_req_encode(const struct gw_dialect *d, const struct gw_wire_node_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u32(&w, m->device);
	put_tensor(&w, d, &m->tensor);
	for (int i = 0; i < GW_WIRE_SRC; i++)
		put_tensor(&w, d, &m->src[i]);
	return written(&w, out);
}

bool gw_wire_node_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_node_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->device = gw_rd_u32(&r);
	take_tensor(&r, d, &m->tensor);
	for (int i = 0; i < GW_WIRE_SRC; i++)
		take_tensor(&r, d, &m->src[i]);
	return gw_rd_done(&r);
}

size_t gw_wire_memset_req_encode(const struct gw_dialect *d, const struct gw_wire_memset_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	gw_wr_u64(&w, m->offset);
	gw_wr_u64(&w, m->size);
	gw_wr_u8(&w, m->value);
	return written(&w, out);
}

bool gw_wire_memset_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_memset_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->tensor);
	m->offset = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	m->value = gw_rd_u8(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_2d_req_encode(const struct gw_dialect *d, const struct gw_wire_2d_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	put_tensor(&w, d, &m->tensor);
	gw_wr_u64(&w, m->offset);
	gw_wr_u64(&w, m->size);
	gw_wr_u64(&w, m->n_copies);
	gw_wr_u64(&w, m->stride);
	return written(&w, out);
}

bool gw_wire_2d_req_decode(const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_2d_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	take_tensor(&r, d, &m->tensor);
	m->offset = gw_rd_u64(&r);
	m->size = gw_rd_u64(&r);
	m->n_copies = gw_rd_u64(&r);
	m->stride = gw_rd_u64(&r);
	return gw_rd_done(&r);
}

size_t gw_wire_comm_init_req_encode(const struct gw_wire_comm_init_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u32(&w, m->device);
	gw_wr_u32(&w, m->rank);
	gw_wr_u32(&w, m->world);
	gw_wr_u32(&w, m->port);
	gw_wr_bytes(&w, m->host, GW_WIRE_COMM_HOST);
	return written(&w, out);
}

bool gw_wire_comm_init_req_decode(const void *body, size_t size, struct gw_wire_comm_init_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->device = gw_rd_u32(&r);
	m->rank = gw_rd_u32(&r);
	m->world = gw_rd_u32(&r);
	m->port = gw_rd_u32(&r);
	take_bytes(&r, m->host, GW_WIRE_COMM_HOST);
	m->host[GW_WIRE_COMM_HOST - 1] = '\0';
	return gw_rd_done(&r);
}

size_t gw_wire_allreduce_req_encode(const struct gw_dialect *d, const struct gw_wire_allreduce_req *m, uint8_t *out)
{
	struct gw_wr w = fixed_room(out);
	gw_wr_u32(&w, m->device);
	put_tensor(&w, d, &m->tensor);
	return written(&w, out);
}

bool gw_wire_allreduce_req_decode(
	const struct gw_dialect *d, const void *body, size_t size, struct gw_wire_allreduce_req *m)
{
	struct gw_rd r = gw_rd_init(body, size);
	m->device = gw_rd_u32(&r);
	take_tensor(&r, d, &m->tensor);
	return gw_rd_done(&r);
}
