/* Adding tensors up with another server. */
#include <string.h>

#include "base/log.h"
#include "device/commands/commands.h"
#include "device/graph/bounds.h"
#include "device/peers/communicator.h"
#include "transport/list/pairing.h"
#include "wire/message.h"

_Static_assert(GW_WIRE_COMM_HOST == GW_PAIRING_HOST, "hosts' names");

/* The protocol has pairs only, of one device each. */
static enum gw_status check_init(
	const struct gw_session *s, const struct gw_wire_comm_init_req *req, struct gw_error *err)
{
	if (!s->server->pair)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server does not connect to others");
	/* The protocol's connection between two servers knows neither keys nor encryption. */
	if (gw_connection_identity(s->peer)[0])
		return gw_error_set(
			err, GW_ERR_UNSUPPORTED, "the client uses TLS, and the servers' connection would not");
	if (req->device >= s->server->n_devices)
		return gw_error_set(
			err, GW_ERR_INVALID, "device %u is not one of %zu", req->device, s->server->n_devices);
	if (req->world != 2 || req->rank >= req->world)
		return gw_error_set(err, GW_ERR_INVALID, "rank %u of %u is not one of two", req->rank, req->world);
	if (req->port > UINT16_MAX)
		return gw_error_set(err, GW_ERR_INVALID, "port %u", req->port);
	if (req->rank == 1 && !req->host[0])
		return gw_error_set(err, GW_ERR_INVALID, "no host to connect to");
	return GW_OK;
}

static enum gw_status open_communicator(
	struct gw_session *s, const struct gw_wire_comm_init_req *req, struct gw_error *err)
{
	const struct gw_server *server = s->server;
	struct gw_pairing pairing = {.listens = req->rank == 0, .port = (uint16_t)req->port};
	int fd = -1;
	enum gw_status st = check_init(s, req, err);
	if (st != GW_OK)
		return st;
	if (s->devices[req->device].communicator)
		return GW_OK;
	memcpy(pairing.host, req->host, sizeof(pairing.host));
	st = server->pair(server->pair_user, gw_connection_name(s->peer), &pairing, &fd, err);
	if (st != GW_OK)
		return st;
	return gw_communicator_new(fd, pairing.listens, server->transport, &s->devices[req->device].communicator, err);
}

/* Every client has another way to add up, so "no" is an answer and not a failure. */
enum gw_status gw_do_comm_init(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_wire_comm_init_req req;
	struct gw_error why;

	if (!gw_wire_comm_init_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	bool yes = open_communicator(s, &req, &why) == GW_OK;
	if (!yes)
		gw_log_info("client %s: not connected to its other server, so sums go through the client: %s",
			gw_connection_name(s->peer), why.text);
	return gw_connection_reply(s->peer, out, gw_wire_bool_rsp_encode(yes, out), err);
}

static enum gw_status resolve(struct gw_session *s, const struct gw_device *device, const struct gw_wire_tensor *t,
	struct gw_tensor *tensor, struct gw_error *err)
{
	enum gw_status st = gw_tensor_resolve(s->opmap, &s->buffers, t, tensor, err);
	if (st != GW_OK)
		return st;
	if (tensor->buffer->device != device)
		return gw_error_set(err, GW_ERR_PROTOCOL, "tensor %s is on another device", tensor->text);
	if (tensor->ggml.type != GGML_TYPE_F32 || !ggml_is_contiguous(&tensor->ggml) ||
		(uintptr_t)tensor->ggml.data % sizeof(float) != 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "tensor %s is not contiguous F32", tensor->text);
	return GW_OK;
}

/* Memory for what arrives, and for values that this process cannot touch where they are, counts as the client's. */
static enum gw_status reduce(
	struct gw_session *s, struct gw_communicator *c, struct gw_tensor *tensor, struct gw_error *err)
{
	uint64_t scratch = tensor->nbytes * (tensor->buffer->is_host ? 1 : 2);
	if (!gw_budget_take(&s->budget, scratch))
		return gw_budget_refuse(&s->budget, scratch, "the sum", err);
	enum gw_status st = gw_communicator_reduce(c, tensor, err);
	gw_budget_give(&s->budget, scratch);
	return st;
}

enum gw_status gw_do_comm_allreduce(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_wire_allreduce_req req;
	struct gw_tensor tensor;

	if (!gw_wire_allreduce_req_decode(s->dialect, body, size, &req))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, req.device, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	if (!device->communicator)
		return gw_error_set(err, GW_ERR_PROTOCOL, "there is no communicator");
	enum gw_status st = resolve(s, device, &req.tensor, &tensor, err);
	if (st != GW_OK)
		return st;
	gw_session_synchronize(s);
	/* What a failed graph has left must not get into the other server's result. */
	st = gw_session_outcome(s, err);
	return st == GW_OK ? reduce(s, device->communicator, &tensor, err) : st;
}

enum gw_status gw_do_comm_free(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint32_t index;

	if (!gw_wire_device_req_decode(body, size, &index))
		return gw_refuse_body(size, err);
	struct gw_device *device = gw_session_device(s, index, err);
	if (!device)
		return GW_ERR_PROTOCOL;
	gw_communicator_free(device->communicator);
	device->communicator = NULL;
	return GW_OK;
}
