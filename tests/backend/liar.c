#include "backend/liar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rpc/client.h"
#include "wire/extension.h"
#include "wire/message.h"

/* A reply that claims more than its body is padded up to this many bytes. */
#define FILL 65536

struct talk {
	struct gw_transport base;
	struct liar *liar;
	const struct gw_dialect *dialect;
	struct gw_buf requests; /* bytes from the client that were not answered yet */
	struct gw_buf replies;  /* bytes that the client has not received yet */
	size_t received;
	bool over;
};

struct request {
	unsigned cmd;
	const uint8_t *body;
	size_t size;
};

static struct talk *talk_of(struct gw_transport *t)
{
	return (struct talk *)(void *)t;
}

static uint64_t say(struct talk *t, enum liar_number what, uint64_t honest)
{
	return t->liar->say(t->liar->user, what, honest);
}

static void put(struct gw_buf *buf, const void *bytes, size_t n)
{
	if (gw_buf_append(buf, bytes, n) != GW_OK)
		abort();
}

static void put_u64(struct gw_buf *buf, uint64_t v)
{
	uint8_t bytes[8];

	gw_put_le64(bytes, v);
	put(buf, bytes, sizeof(bytes));
}

/* Sends a size and a body, truncated or padded with zeros to that size. A size far beyond the body ends the
 * connection. */
static void reply(struct talk *t, const void *body, size_t n)
{
	static const uint8_t zeros[FILL];
	uint64_t size = say(t, LIAR_REPLY_SIZE, n);

	for (uint64_t i = say(t, LIAR_ALIVE, 0) % 4; i > 0; i--)
		put_u64(&t->replies, GW_REPLY_ALIVE);
	put_u64(&t->replies, size);
	put(&t->replies, body, size < n ? (size_t)size : n);
	if (size > n)
		put(&t->replies, zeros, size - n < FILL ? (size_t)(size - n) : FILL);
	t->over |= size > n + FILL;
}

static void reply_u64(struct talk *t, enum liar_number what, uint64_t honest)
{
	uint8_t body[8];

	reply(t, body, gw_wire_u64_rsp_encode(say(t, what, honest), body));
}

static void reply_bool(struct talk *t, enum liar_number what, bool honest)
{
	uint8_t body = (uint8_t)say(t, what, honest);

	reply(t, &body, 1);
}

static void reply_hello(struct talk *t)
{
	struct gw_wire_hello_rsp rsp = {
		.version = t->liar->version, .extensions = (uint8_t)say(t, LIAR_LEVEL, t->liar->extensions)};
	uint8_t body[GW_WIRE_MAX_FIXED];

	reply(t, body, gw_wire_hello_rsp_encode(&rsp, body));
}

static const char long_text[] =
	"a text that is longer than what there is for it. a text that is longer than what there "
	"is for it. a text that is longer than what there is for it.";

static void describe(struct talk *t, struct gw_ext_device *d)
{
	static const char *const texts[] = {"Device", "", "%s%n", "\x1b]0;x\x07\xff\xc2\x9b", long_text};

	d->flags = (uint32_t)say(t, LIAR_DEVICE_FLAGS, 0);
	d->alignment = say(t, LIAR_ALIGNMENT, 64);
	d->max_size = say(t, LIAR_MAX_SIZE, UINT64_C(1) << 30);
	snprintf(d->description, sizeof(d->description), "%s", texts[say(t, LIAR_TEXT, 0) % 5]);
	snprintf(d->name, sizeof(d->name), "%s", texts[say(t, LIAR_TEXT, 0) % 5]);
}

static void reply_info(struct talk *t)
{
	struct gw_ext_device devices[4] = {0};
	struct gw_ext_info info = {.level = GW_EXT_LEVEL, .version = "1", .n_devices = 2, .devices = devices};
	struct gw_buf body = {0};

	info.flags = (uint32_t)say(t, LIAR_SERVER_FLAGS, GW_EXT_SERVER_ALLOC);
	for (uint32_t i = 0; i < 4; i++)
		describe(t, &devices[i]);
	uint64_t n = say(t, LIAR_DEVICES, info.n_devices);
	if (n <= 4)
		info.n_devices = (uint32_t)n;
	if (gw_ext_info_encode(&info, &body) != GW_OK)
		abort();
	/* After the level, the flags, and the version's length and single byte. */
	gw_put_le32(body.data + 4 + 4 + 4 + 1, (uint32_t)n);
	reply(t, body.data, body.len);
	gw_buf_free(&body);
}

static void reply_count(struct talk *t)
{
	uint8_t body[4];

	reply(t, body, gw_wire_count_rsp_encode((uint32_t)say(t, LIAR_DEVICES, 2), body));
}

static uint64_t honest_base(uint64_t handle)
{
	return handle << 32;
}

static void reply_alloc(struct talk *t, const struct request *r)
{
	struct gw_wire_alloc_req req = {0};
	uint8_t body[GW_EXT_ALLOC_RSP];

	(void)gw_wire_alloc_req_decode(r->body, r->size, &req);
	struct gw_wire_alloc_rsp rsp = {++t->liar->handles, req.size};
	rsp.buffer = say(t, LIAR_HANDLE, rsp.buffer);
	rsp.size = say(t, LIAR_BUFFER_SIZE, rsp.size);
	if (r->cmd == GW_CMD_ALLOC_BUFFER) {
		reply(t, body, gw_wire_alloc_rsp_encode(&rsp, body));
		return;
	}
	const struct gw_ext_alloc_rsp both = {rsp.buffer, rsp.size, say(t, LIAR_BASE, honest_base(t->liar->handles))};
	gw_ext_alloc_rsp_encode(&both, body);
	reply(t, body, sizeof(body));
}

static void reply_memory(struct talk *t)
{
	uint8_t body[16];
	const struct gw_wire_memory_rsp rsp = {
		say(t, LIAR_FREE, UINT64_C(1) << 30), say(t, LIAR_TOTAL, UINT64_C(1) << 31)};

	reply(t, body, gw_wire_memory_rsp_encode(&rsp, body));
}

static void reply_zeros(struct talk *t, uint64_t n)
{
	uint8_t *zeros = n <= (1 << 26) ? calloc(1, n ? n : 1) : NULL;

	if (!zeros) {
		t->over = true;
		return;
	}
	reply(t, zeros, n);
	free(zeros);
}

static void reply_get(struct talk *t, const struct request *r)
{
	struct gw_wire_get_req req = {0};
	struct gw_wire_2d_req rows = {0};

	if (r->cmd == GW_CMD_GET_TENSOR && gw_wire_get_req_decode(t->dialect, r->body, r->size, &req))
		reply_zeros(t, req.size);
	else if (gw_wire_2d_req_decode(t->dialect, r->body, r->size, &rows))
		reply_zeros(t, rows.size * rows.n_copies);
	else
		t->over = true;
}

static void answer(struct talk *t, const struct request *r)
{
	switch (r->cmd) {
	case GW_CMD_HELLO:
		return reply_hello(t);
	case GW_CMD_DEVICE_COUNT:
		return reply_count(t);
	case GW_CMD_EXT_INFO:
		return reply_info(t);
	case GW_CMD_ALLOC_BUFFER:
	case GW_CMD_EXT_ALLOC:
		return reply_alloc(t, r);
	case GW_CMD_BUFFER_GET_BASE:
		return reply_u64(t, LIAR_BASE, honest_base(t->liar->handles));
	case GW_CMD_GET_ALIGNMENT:
		return reply_u64(t, LIAR_ALIGNMENT, 64);
	case GW_CMD_GET_MAX_SIZE:
		return reply_u64(t, LIAR_MAX_SIZE, UINT64_MAX);
	case GW_CMD_GET_ALLOC_SIZE:
		return reply_u64(t, LIAR_NODE_SIZE, 0);
	case GW_CMD_GET_DEVICE_MEMORY:
		return reply_memory(t);
	case GW_CMD_GET_TENSOR:
	case GW_CMD_GET_TENSOR_2D:
		return reply_get(t, r);
	case GW_CMD_SET_TENSOR_HASH:
	case GW_CMD_EXT_SET_TENSOR_XXH3:
		return reply_bool(t, LIAR_HAS, false);
	case GW_CMD_COPY_TENSOR:
		return reply_bool(t, LIAR_COPIES, true);
	case GW_CMD_EXT_SUPPORTS_OP:
		return reply_bool(t, LIAR_SUPPORTS, true);
	default:
		if (gw_dialect_reply(t->dialect, r->cmd) == GW_REPLY_EMPTY)
			reply(t, NULL, 0);
	}
}

/* Answers all complete requests. */
static void answer_all(struct talk *t)
{
	size_t at = 0;

	while (!t->over && t->requests.len - at >= GW_REQUEST_HEADER) {
		const uint8_t *head = t->requests.data + at;
		const struct request r = {head[0], head + GW_REQUEST_HEADER, (size_t)gw_le64(head + 1)};
		if (r.size > t->requests.len - at - GW_REQUEST_HEADER)
			break;
		at += GW_REQUEST_HEADER + r.size;
		t->over |= say(t, LIAR_LEAVES, 0) != 0;
		if (!t->over)
			answer(t, &r);
	}
	if (at > 0)
		memmove(t->requests.data, t->requests.data + at, t->requests.len - at);
	t->requests.len -= at;
}

static enum gw_status talk_sendv(struct gw_transport *base, const struct iovec *iov, int n, struct gw_error *err)
{
	struct talk *t = talk_of(base);

	if (t->over)
		return gw_error_set(err, GW_ERR_LOST, "the liar has left");
	for (int i = 0; i < n; i++)
		put(&t->requests, iov[i].iov_base, iov[i].iov_len);
	answer_all(t);
	return GW_OK;
}

static enum gw_status talk_recvv(
	struct gw_transport *base, const struct iovec *iov, int n, size_t min, size_t *got, struct gw_error *err)
{
	struct talk *t = talk_of(base);
	size_t sum = 0;

	if (t->replies.len - t->received < min)
		return gw_error_set(err, GW_ERR_LOST, "the liar says nothing");
	for (int i = 0; i < n; i++) {
		size_t left = t->replies.len - t->received;
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;
		if (part)
			memcpy(iov[i].iov_base, t->replies.data + t->received, part);
		t->received += part;
		sum += part;
	}
	if (t->received == t->replies.len)
		t->received = t->replies.len = 0;
	*got = sum;
	return GW_OK;
}

static bool talk_readable(struct gw_transport *base, int timeout_ms)
{
	(void)timeout_ms;
	return talk_of(base)->replies.len > talk_of(base)->received;
}

static void talk_shutdown(struct gw_transport *base)
{
	talk_of(base)->over = true;
}

static void talk_close(struct gw_transport *base)
{
	struct talk *t = talk_of(base);

	gw_buf_free(&t->requests);
	gw_buf_free(&t->replies);
	free(t);
}

static const struct gw_transport_ops ops = {
	.name = "liar",
	.sendv = talk_sendv,
	.recvv = talk_recvv,
	.readable = talk_readable,
	.shutdown = talk_shutdown,
	.close = talk_close,
};

enum gw_status liar_dial(void *user, const char *endpoint, struct gw_client **out, struct gw_error *err)
{
	struct talk *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->base.ops = &ops;
	snprintf(t->base.peer, sizeof(t->base.peer), "liar");
	t->liar = user;
	t->dialect = gw_dialect_for(t->liar->version, NULL);
	return gw_client_start(&t->base, endpoint, 10000, out, err);
}
