#include "backend/fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/reg.h"
#include "transport/loopback.h"
#include "wire/extension.h"
#include "wire/message.h"

/* The client's end, counting calls. */
struct counted {
	struct gw_transport base;
	struct gw_transport *inner;
	struct fake *fake;
};

static struct counted *counted_of(struct gw_transport *t)
{
	return (struct counted *)(void *)t;
}

static enum gw_status counted_sendv(struct gw_transport *t, const struct iovec *iov, int n, struct gw_error *err)
{
	struct counted *c = counted_of(t);
	c->fake->sends++;
	return c->inner->ops->sendv(c->inner, iov, n, err);
}

static enum gw_status counted_recvv(
	struct gw_transport *t, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct counted *c = counted_of(t);
	c->fake->recvs++;
	return c->inner->ops->recvv(c->inner, iov, n, min, got, err);
}

static bool counted_readable(struct gw_transport *t, int timeout_ms)
{
	return counted_of(t)->inner->ops->readable(counted_of(t)->inner, timeout_ms);
}

static void counted_shutdown(struct gw_transport *t)
{
	counted_of(t)->inner->ops->shutdown(counted_of(t)->inner);
}

static void counted_close(struct gw_transport *t)
{
	counted_of(t)->inner->ops->close(counted_of(t)->inner);
	free(t);
}

static const struct gw_transport_ops counted_ops = {
	.name = "counted",
	.sendv = counted_sendv,
	.recvv = counted_recvv,
	.readable = counted_readable,
	.shutdown = counted_shutdown,
	.close = counted_close,
};

/* The server's end. */
struct session {
	struct fake *fake;
	struct gw_transport *t;
	uint64_t n_requests;
};

static bool read_all(struct gw_transport *t, void *dst, size_t n)
{
	struct iovec iov = {dst, n};
	size_t got;

	return n == 0 || t->ops->recvv(t, &iov, 1, n, &got, NULL) == GW_OK;
}

static bool reply(struct gw_transport *t, const void *body, size_t n)
{
	uint8_t header[8];
	struct iovec iov[2] = {{header, 8}, {(void *)body, n}};

	gw_put_le64(header, n);
	return t->ops->sendv(t, iov, 2, NULL) == GW_OK;
}

static void keep(struct fake *f, struct fake_request *r)
{
	pthread_mutex_lock(&f->lock);
	*f->last = r;
	f->last = &r->next;
	f->count++;
	pthread_mutex_unlock(&f->lock);
}

static bool reply_hello(struct session *s)
{
	struct gw_wire_hello_rsp rsp = {.version = s->fake->version, .extensions = s->fake->extensions};
	uint8_t out[GW_WIRE_MAX_FIXED];

	return reply(s->t, out, gw_wire_hello_rsp_encode(&rsp, out));
}

static bool reply_u64(struct session *s, uint64_t value)
{
	uint8_t out[8];
	return reply(s->t, out, gw_wire_u64_rsp_encode(value, out));
}

static bool reply_bool(struct session *s, bool value)
{
	uint8_t out[1];
	return reply(s->t, out, gw_wire_bool_rsp_encode(value, out));
}

static bool reply_bytes(struct session *s, uint64_t n)
{
	uint8_t *bytes = malloc(n ? n : 1);
	memset(bytes, FAKE_BYTE, n);
	bool ok = reply(s->t, bytes, n);
	free(bytes);
	return ok;
}

static bool reply_info(struct session *s)
{
	struct gw_ext_device devices[8] = {0};
	struct gw_ext_info info = {.level = 1, .flags = s->fake->server_flags, .devices = devices};
	struct gw_buf out = {0};

	info.n_devices = s->fake->n_devices;
	strcpy(info.version, "fake");
	for (uint32_t i = 0; i < info.n_devices; i++) {
		devices[i].flags = s->fake->device_flags;
		devices[i].alignment = s->fake->alignment;
		devices[i].max_size = 1 << 30;
		snprintf(devices[i].name, sizeof(devices[i].name), "FAKE%u", (unsigned)i);
		snprintf(devices[i].description, sizeof(devices[i].description), "Fake device %u", (unsigned)i);
	}
	bool ok = gw_ext_info_encode(&info, &out) == GW_OK && reply(s->t, out.data, out.len);
	gw_buf_free(&out);
	return ok;
}

static bool reply_alloc(struct session *s, const struct fake_request *r)
{
	struct gw_wire_alloc_req req;
	struct gw_wire_alloc_rsp rsp = {0};
	uint8_t out[16];

	if (!gw_wire_alloc_req_decode(r->body, r->size, &req))
		return false;
	if (req.size <= s->fake->alloc_limit)
		rsp = (struct gw_wire_alloc_rsp){++s->fake->next_handle, req.size - s->fake->alloc_short};
	return reply(s->t, out, gw_wire_alloc_rsp_encode(&rsp, out));
}

static bool reply_base(struct session *s, const struct fake_request *r)
{
	uint64_t handle;
	return gw_wire_buffer_req_decode(r->body, r->size, &handle) &&
	       reply_u64(s, FAKE_BASE(handle) + (s->fake->bad_base ? 1 : 0));
}

static bool reply_ext_alloc(struct session *s, const struct fake_request *r)
{
	struct gw_wire_alloc_req req;
	struct gw_ext_alloc_rsp rsp = {0};
	uint8_t out[GW_EXT_ALLOC_RSP];

	if (!gw_wire_alloc_req_decode(r->body, r->size, &req))
		return false;
	if (req.size <= s->fake->alloc_limit) {
		uint64_t handle = ++s->fake->next_handle;
		rsp = (struct gw_ext_alloc_rsp){
			handle, req.size - s->fake->alloc_short, FAKE_BASE(handle) + (s->fake->bad_base ? 1 : 0)};
	}
	gw_ext_alloc_rsp_encode(&rsp, out);
	return reply(s->t, out, sizeof(out));
}

static bool reply_get(struct session *s, const struct fake_request *r)
{
	const struct gw_dialect *d = gw_dialect_for(s->fake->version, NULL);
	struct gw_wire_get_req req;
	return gw_wire_get_req_decode(d, r->body, r->size, &req) && reply_bytes(s, req.size);
}

static bool reply_get_2d(struct session *s, const struct fake_request *r)
{
	const struct gw_dialect *d = gw_dialect_for(s->fake->version, NULL);
	struct gw_wire_2d_req req;
	return gw_wire_2d_req_decode(d, r->body, r->size, &req) && reply_bytes(s, req.size * req.n_copies);
}

static bool reply_memory(struct session *s)
{
	uint8_t out[16];
	return reply(s->t, out, gw_wire_memory_rsp_encode(&s->fake->memory, out));
}

static bool reply_count(struct session *s)
{
	uint8_t out[4];
	return reply(s->t, out, gw_wire_count_rsp_encode(s->fake->n_devices, out));
}

static bool answer(struct session *s, const struct fake_request *r)
{
	const void *body;
	size_t size;

	if (s->fake->script && s->fake->script(s->fake->script_user, r, &body, &size))
		return reply(s->t, body, size);
	switch (r->cmd) {
	case GW_CMD_HELLO:
		return reply_hello(s);
	case GW_CMD_DEVICE_COUNT:
		return reply_count(s);
	case GW_CMD_EXT_INFO:
		return reply_info(s);
	case GW_CMD_ALLOC_BUFFER:
		return reply_alloc(s, r);
	case GW_CMD_EXT_ALLOC:
		return reply_ext_alloc(s, r);
	case GW_CMD_BUFFER_GET_BASE:
		return reply_base(s, r);
	case GW_CMD_GET_ALIGNMENT:
		return reply_u64(s, s->fake->alignment);
	case GW_CMD_GET_MAX_SIZE:
		return reply_u64(s, UINT64_MAX);
	case GW_CMD_GET_ALLOC_SIZE:
		return reply_u64(s, s->fake->alloc_extra);
	case GW_CMD_GET_DEVICE_MEMORY:
		return reply_memory(s);
	case GW_CMD_GET_TENSOR:
		return reply_get(s, r);
	case GW_CMD_GET_TENSOR_2D:
		return reply_get_2d(s, r);
	case GW_CMD_SET_TENSOR_HASH:
	case GW_CMD_EXT_SET_TENSOR_XXH3:
		return reply_bool(s, s->fake->has_hash);
	case GW_CMD_COPY_TENSOR:
		return reply_bool(s, true);
	case GW_CMD_COMM_INIT:
	case GW_CMD_EXT_LINK:
		return reply_bool(s, s->fake->joins);
	case GW_CMD_EXT_SUPPORTS_OP:
		return reply_bool(s, s->fake->supports);
	default:
		return gw_dialect_reply(gw_dialect_for(s->fake->version, NULL), r->cmd) != GW_REPLY_EMPTY ||
		       reply(s->t, NULL, 0);
	}
}

static bool serve_one(struct session *s)
{
	uint8_t header[GW_REQUEST_HEADER];

	if (!read_all(s->t, header, sizeof(header)))
		return false;
	size_t size = (size_t)gw_le64(header + 1);
	struct fake_request *r = malloc(sizeof(*r) + size);
	*r = (struct fake_request){.cmd = header[0], .size = size};
	if (!read_all(s->t, r->body, size)) {
		free(r);
		return false;
	}
	if (r->cmd == GW_CMD_HELLO) {
		bool ok = answer(s, r);
		free(r);
		return ok;
	}
	keep(s->fake, r);
	return s->n_requests++ != s->fake->die_at && answer(s, r);
}

static void *serve(void *arg)
{
	struct session *s = arg;

	while (serve_one(s))
		;
	s->t->ops->close(s->t);
	free(s);
	return NULL;
}

enum gw_status fake_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	struct fake *f = user;
	struct counted *c = calloc(1, sizeof(*c));
	struct session *s = calloc(1, sizeof(*s));

	if (f->refuse) {
		free(c);
		free(s);
		return gw_error_set(err, GW_ERR_SYSTEM, "server at %s: refused", endpoint);
	}
	assert(f->connections < 64);
	*s = (struct session){.fake = f};
	*c = (struct counted){.base = {.ops = &counted_ops}, .fake = f};
	if (gw_loopback_pair(0, &c->inner, &s->t) != GW_OK)
		abort();
	if (pthread_create(&f->threads[f->connections], NULL, serve, s) != 0)
		abort();
	f->connections++;
	return gw_client_start(&c->base, endpoint, 10000, out, err);
}

void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->version = (struct gw_version){8, 0, 0};
	f->n_devices = 1;
	f->alignment = 64;
	f->alloc_limit = UINT64_MAX;
	f->memory = (struct gw_wire_memory_rsp){1000, 2000};
	f->supports = true;
	f->die_at = FAKE_NEVER;
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
}

void fake_forget(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->first) {
		struct fake_request *r = f->first;
		f->first = r->next;
		free(r);
	}
	f->last = &f->first;
	f->count = 0;
	pthread_mutex_unlock(&f->lock);
}

void fake_free(struct fake *f)
{
	for (uint64_t i = 0; i < f->connections; i++)
		pthread_join(f->threads[i], NULL);
	fake_forget(f);
	pthread_mutex_destroy(&f->lock);
}

const struct fake_request *fake_request(struct fake *f, unsigned cmd, size_t index)
{
	pthread_mutex_lock(&f->lock);
	const struct fake_request *r = f->first;
	while (r && ((cmd != FAKE_ANY && r->cmd != cmd) || index-- > 0))
		r = r->next;
	pthread_mutex_unlock(&f->lock);
	return r;
}

size_t fake_count(struct fake *f, unsigned cmd)
{
	size_t n = 0;

	pthread_mutex_lock(&f->lock);
	for (const struct fake_request *r = f->first; r; r = r->next)
		n += cmd == FAKE_ANY || r->cmd == cmd;
	pthread_mutex_unlock(&f->lock);
	return n;
}

ggml_backend_dev_t fake_device(struct fake *f)
{
	static unsigned n;
	char name[32];

	snprintf(name, sizeof(name), "fake:%u", n++);
	if (!gw_reg_get(NULL))
		return NULL;
	ggml_backend_reg_t reg = gw_reg_add_server_over(name, fake_dial, f);
	return reg ? ggml_backend_reg_dev_get(reg, 0) : NULL;
}
