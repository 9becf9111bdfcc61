#include "device/peers/communicator.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "device/peers/greeting.h"
#include "device/peers/sum.h"
#include "transport/list/exchange.h"
#include "transport/list/transports.h"

/* Memory beyond this is given back after use. */
#define KEEP_MAX ((size_t)16 << 20)

struct gw_communicator {
	struct gw_transport *link;
	bool listened;
	struct gw_buf own;    /* what is sent, if that is not the tensor's memory */
	struct gw_buf theirs; /* what is received */
	struct gw_buf values; /* of a tensor in memory that this process cannot touch */
};

enum gw_status gw_communicator_new(
	int fd, bool listened, enum gw_transport_mode mode, struct gw_communicator **out, struct gw_error *err)
{
	struct gw_communicator *c = calloc(1, sizeof(*c));
	if (!c || gw_transport_from_fd(fd, &c->link, err)) {
		close(fd);
		free(c);
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for a connection");
	}
	c->listened = listened;
	enum gw_status status = gw_peers_greet(&c->link, listened, mode, err);
	if (status) {
		gw_error_prefix(err, "server at %s", c->link->peer);
		gw_communicator_free(c);
		return status;
	}
	gw_log_info("connected to the server at %s over %s, to add tensors up", c->link->peer, c->link->ops->title);
	*out = c;
	return GW_OK;
}

void gw_communicator_free(struct gw_communicator *c)
{
	if (!c)
		return;
	c->link->ops->close(c->link);
	gw_buf_free(&c->own);
	gw_buf_free(&c->theirs);
	gw_buf_free(&c->values);
	free(c);
}

/* What a reduction works with. */
struct reduction {
	struct gw_communicator *c;
	size_t n;      /* elements */
	float *values; /* the tensor's own, and then the sums */
	size_t added;  /* elements of BF16 that were */
};

static void *room(struct gw_buf *buf, size_t size)
{
	buf->len = 0;
	return gw_buf_reserve(buf, size) ? NULL : buf->data;
}

/* Adds what has arrived while more is on its way. */
static bool add_arrived(void *user, size_t sent, size_t received)
{
	struct reduction *r = user;
	size_t n = received / sizeof(uint16_t);
	(void)sent;
	const uint16_t *theirs = (const uint16_t *)(const void *)r->c->theirs.data;
	gw_sum_add_bf16(r->values + r->added, theirs + r->added, n - r->added);
	r->added = n;
	return true;
}

static enum gw_status reduce_bf16(struct reduction *r, struct gw_error *err)
{
	struct gw_communicator *c = r->c;
	size_t size = r->n * sizeof(uint16_t);
	uint16_t *own = room(&c->own, size);
	if (!own || !room(&c->theirs, size))
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", 2 * size);
	gw_sum_to_bf16(r->values, own, r->n);
	const struct gw_flow flow = {.t = c->link,
		.out = {{own, size}},
		.in = {{c->theirs.data, size}},
		.sends_first = c->listened,
		.moved = add_arrived,
		.user = r};
	return gw_transport_exchange(&flow, 1, NULL, err);
}

static enum gw_status reduce_f32(struct reduction *r, struct gw_error *err)
{
	struct gw_communicator *c = r->c;
	size_t size = r->n * sizeof(float);
	const float *theirs = room(&c->theirs, size);
	if (!theirs)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", size);
	/* Added up only when all of it has left. */
	const struct gw_flow flow = {
		.t = c->link, .out = {{r->values, size}}, .in = {{c->theirs.data, size}}, .sends_first = c->listened};
	enum gw_status status = gw_transport_exchange(&flow, 1, NULL, err);
	if (!status)
		gw_sum_add_f32(r->values, theirs, r->n);
	return status;
}

static void trim(struct gw_buf *buf)
{
	if (buf->capacity > KEEP_MAX)
		gw_buf_free(buf);
}

static enum gw_status reduce(struct reduction *r, struct gw_tensor *t, struct gw_error *err)
{
	struct gw_communicator *c = r->c;
	bool is_host = t->buffer->is_host;
	r->values = is_host ? t->ggml.data : room(&c->values, t->nbytes);
	if (!r->values)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", (size_t)t->nbytes);
	if (!is_host)
		ggml_backend_tensor_get(&t->ggml, r->values, 0, t->nbytes);
	enum gw_status status = r->n >= GW_COMMUNICATOR_BF16_FROM ? reduce_bf16(r, err) : reduce_f32(r, err);
	if (!status && !is_host)
		ggml_backend_tensor_set(&t->ggml, r->values, 0, t->nbytes);
	return status;
}

enum gw_status gw_communicator_reduce(struct gw_communicator *c, struct gw_tensor *tensor, struct gw_error *err)
{
	struct reduction r = {.c = c, .n = (size_t)ggml_nelements(&tensor->ggml)};
	if (tensor->nbytes == 0)
		return GW_OK;
	enum gw_status status = reduce(&r, tensor, err);
	trim(&c->own);
	trim(&c->theirs);
	trim(&c->values);
	if (!status)
		return GW_OK;
	gw_error_prefix(err, "server at %s", c->link->peer);
	/* To the session, "closed" would mean that its client has left. */
	return status == GW_ERR_CLOSED ? GW_ERR_LOST : status;
}
