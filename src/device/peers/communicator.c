#include "device/peers/communicator.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "device/peers/sum.h"
#include "transport/list/transports.h"

/* The other server sends this little at once. */
#define HANDSHAKE_MS 5000
/* Both servers compute parts of the same graph, but one may be much slower. */
#define PATIENCE 4

/* Memory beyond this is given back after use. */
#define KEEP_MAX ((size_t)16 << 20)

struct gw_communicator {
	struct gw_transport *link;
	bool listened;
	struct gw_buf own;    /* what is sent, if that is not the tensor's memory */
	struct gw_buf theirs; /* what is received */
	struct gw_buf values; /* of a tensor in memory that this process cannot touch */
};

static enum gw_status send_caps(struct gw_transport *t, const uint8_t caps[GW_UPGRADE_CAPS], struct gw_error *err)
{
	const struct iovec iov = {(void *)(uintptr_t)caps, GW_UPGRADE_CAPS};
	return t->ops->sendv(t, &iov, 1, err);
}

static enum gw_status receive_caps(struct gw_transport *t, uint8_t caps[GW_UPGRADE_CAPS], struct gw_error *err)
{
	const struct iovec iov = {caps, GW_UPGRADE_CAPS};
	size_t got;
	return t->ops->recvv(t, &iov, 1, GW_UPGRADE_CAPS, &got, err);
}

/* The order is HELLO's, with the server that connects in the client's place. *link is replaced by what follows it. */
static enum gw_status greet(struct gw_transport **link, bool rdma, struct gw_error *err)
{
	uint8_t ours[GW_UPGRADE_CAPS] = {0}, theirs[GW_UPGRADE_CAPS];
	struct gw_upgrade *upgrade = NULL;
	struct gw_transport *over = NULL;
	struct gw_error why;
	if (rdma && gw_transport_upgrade->offer(*link, ours, &upgrade, &why))
		memset(ours, 0, sizeof(ours));
	enum gw_status status = send_caps(*link, ours, err);
	if (!status)
		status = receive_caps(*link, theirs, err);
	if (status || !upgrade) {
		gw_transport_upgrade->drop(upgrade);
		return status;
	}
	status = gw_transport_upgrade->complete(upgrade, theirs, NULL, &over, &why);
	if (over)
		*link = over;
	if (status && err)
		*err = why;
	return status;
}

static enum gw_status answer(struct gw_transport **link, bool rdma, struct gw_error *err)
{
	uint8_t ours[GW_UPGRADE_CAPS] = {0}, theirs[GW_UPGRADE_CAPS];
	struct gw_upgrade *upgrade = NULL;
	struct gw_error why;
	enum gw_status status = receive_caps(*link, theirs, err);
	if (status)
		return status;
	if (rdma)
		(void)gw_transport_upgrade->accept(*link, theirs, ours, &upgrade, &why);
	status = send_caps(*link, ours, err);
	if (!status && upgrade)
		*link = gw_transport_upgrade->go_over(upgrade);
	else
		gw_transport_upgrade->drop(upgrade);
	return status;
}

static enum gw_status demand_rdma(const struct gw_transport *before, const struct gw_transport *after,
	enum gw_transport_mode mode, struct gw_error *err)
{
	if (mode == GW_TRANSPORT_RDMA && before == after)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server is set to RDMA alone");
	return GW_OK;
}

static enum gw_status handshake(struct gw_communicator *c, enum gw_transport_mode mode, struct gw_error *err)
{
	struct gw_transport *before = c->link;
	bool rdma = mode != GW_TRANSPORT_TCP;
	c->link->silence_ms = HANDSHAKE_MS;
	enum gw_status status = c->listened ? answer(&c->link, rdma, err) : greet(&c->link, rdma, err);
	if (!status)
		status = demand_rdma(before, c->link, mode, err);
	c->link->silence_ms = PATIENCE * gw_transport_timeout_ms();
	return status;
}

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
	if (mode == GW_TRANSPORT_AUTO)
		(void)gw_transport_mode_from_env(&mode, NULL);
	enum gw_status status = handshake(c, mode, err);
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
static void add_arrived(void *user, size_t bytes)
{
	struct reduction *r = user;
	size_t n = bytes / sizeof(uint16_t);
	const uint16_t *theirs = (const uint16_t *)(const void *)r->c->theirs.data;
	gw_sum_add_bf16(r->values + r->added, theirs + r->added, n - r->added);
	r->added = n;
}

static enum gw_status reduce_bf16(struct reduction *r, struct gw_error *err)
{
	struct gw_communicator *c = r->c;
	size_t size = r->n * sizeof(uint16_t);
	uint16_t *own = room(&c->own, size);
	if (!own || !room(&c->theirs, size))
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", 2 * size);
	gw_sum_to_bf16(r->values, own, r->n);
	const struct gw_duplex x = {own, c->theirs.data, size, c->listened, add_arrived, r};
	return gw_transport_exchange(c->link, &x, err);
}

static enum gw_status reduce_f32(struct reduction *r, struct gw_error *err)
{
	struct gw_communicator *c = r->c;
	size_t size = r->n * sizeof(float);
	const float *theirs = room(&c->theirs, size);
	if (!theirs)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", size);
	/* Added up only when all of it has left. */
	const struct gw_duplex x = {r->values, c->theirs.data, size, c->listened, NULL, NULL};
	enum gw_status status = gw_transport_exchange(c->link, &x, err);
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
