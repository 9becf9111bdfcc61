/* Links to other servers, and what is done over them. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "device/commands/commands.h"
#include "device/peers/encryption.h"
#include "device/peers/peers.h"
#include "transport/list/pairing.h"
#include "wire/message.h"
#include "wire/peers.h"

_Static_assert(GW_PEERS_FIRST == GW_PAIRING_FIRST, "the first message of a link");
_Static_assert(GW_PEERS_HOST == GW_PAIRING_HOST, "hosts' names");

/* The secrets came inside TLS, so the link is encrypted, too. */
static bool is_encrypted(const struct gw_session *s)
{
	return gw_connection_identity(s->peer)[0];
}

static enum gw_status plan(const struct gw_session *s, const struct gw_peers_link_req *req, struct gw_pairing *pairing,
	struct gw_error *err)
{
	uint8_t id[GW_PEERS_SECRET];
	enum gw_status st = is_encrypted(s) ? gw_peers_public_id(req->secret, id, err) : GW_OK;
	if (st != GW_OK)
		return st;
	*pairing =
		(struct gw_pairing){.listens = req->step == GW_PEERS_EXPECT, .links = 1, .port = (uint16_t)req->port};
	gw_peers_first_encode(is_encrypted(s) ? id : req->secret, pairing->first);
	memcpy(pairing->host, req->host, sizeof(pairing->host));
	return GW_OK;
}

/* The first half: the other server is expected, or connected to. */
static enum gw_status begin(struct gw_session *s, const struct gw_peers_link_req *req, struct gw_error *err)
{
	struct gw_pairing pairing;
	int ticket = -1;
	enum gw_status st = plan(s, req, &pairing, err);
	if (st == GW_OK)
		st = s->server->pair(s->server->pair_user, gw_connection_name(s->peer), &pairing, &ticket, err);
	if (st == GW_OK)
		gw_peers_expect(s->peers, req->link, ticket);
	return st;
}

/* The second half: both ends make sure of each other. */
static enum gw_status finish(struct gw_session *s, const struct gw_peers_link_req *req, struct gw_error *err)
{
	int ticket = gw_peers_take_ticket(s->peers, req->link), fd = ticket;
	struct gw_link_terms terms = {.opened = req->step == GW_PEERS_CONFIRM,
		.is_encrypted = is_encrypted(s),
		.keeps_encrypted = gw_connection_keeps_encrypted(s->peer) || !req->plain_rdma,
		.mode = s->server->transport};
	struct gw_link *link;
	enum gw_status st = GW_OK;
	if (ticket < 0)
		return gw_error_set(err, GW_ERR_INVALID, "link %u is not expected", req->link);
	memcpy(terms.secret, req->secret, sizeof(terms.secret));
	memcpy(terms.proof, req->proof, sizeof(terms.proof));
	if (req->step == GW_PEERS_ACCEPT) {
		st = s->server->await_link(s->server->pair_user, ticket, &fd, err);
		close(ticket);
	}
	if (st == GW_OK)
		st = gw_link_new(fd, &terms, &link, err);
	explicit_bzero(&terms, sizeof(terms));
	if (st == GW_OK)
		gw_peers_set(s->peers, req->link, link);
	return st;
}

static enum gw_status take_step(struct gw_session *s, const struct gw_peers_link_req *req, struct gw_error *err)
{
	if (!s->server->pair || !s->server->await_link)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "this server does not connect to others");
	if (!s->peers && !(s->peers = gw_peers_new()))
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	bool first = req->step == GW_PEERS_EXPECT || req->step == GW_PEERS_OPEN;
	return (first ? begin : finish)(s, req, err);
}

/* Every client has another way, so "no" is an answer and not a failure. */
enum gw_status gw_do_ext_link(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	uint8_t out[GW_WIRE_MAX_FIXED];
	struct gw_peers_link_req req;
	struct gw_error why;

	if (!gw_peers_link_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	bool yes = take_step(s, &req, &why) == GW_OK;
	if (!yes)
		gw_log_info("client %s: not linked to its other server, so data goes through the client: %s",
			gw_connection_name(s->peer), why.text);
	return gw_connection_reply(s->peer, out, gw_wire_bool_rsp_encode(yes, out), err);
}

enum gw_status gw_do_ext_group(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_peers_group_req req;

	if (!gw_peers_group_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	if (!s->peers && !(s->peers = gw_peers_new()))
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	gw_peers_define(s->peers, &req);
	return GW_OK;
}

/* So many elements of a type in a row. */
static enum gw_status resolve(struct gw_session *s, enum ggml_type type, const struct gw_peers_operand *o,
	uint64_t elements, struct gw_tensor *out, struct gw_error *err)
{
	uint32_t width = type == GGML_TYPE_F32 ? sizeof(float) : 1;
	const struct gw_wire_tensor t = {
		.id = 1,
		.type = gw_opmap_type_wire(s->opmap, type),
		.buffer = o->buffer,
		.ne = {(uint32_t)elements, 1, 1, 1},
		.nb = {width, width, width, width},
		.data = o->data,
		.name = "peers",
	};
	if (elements > UINT32_MAX)
		return gw_error_set(err, GW_ERR_PROTOCOL, "%llu elements", (unsigned long long)elements);
	enum gw_status st = gw_tensor_resolve(s->opmap, &s->buffers, &t, out, err);
	if (st == GW_OK && (uintptr_t)out->ggml.data % width != 0)
		return gw_error_set(err, GW_ERR_PROTOCOL, "an operand's address is not a multiple of its elements");
	return st;
}

/* The tensors are about to be read or written. What a failed graph has left must not get into other servers' results.
 */
static enum gw_status settle(struct gw_session *s, struct gw_error *err)
{
	gw_session_synchronize(s);
	return gw_session_outcome(s, err);
}

/* Counts so many bytes of memory for the links from now on; they may come from graphs. */
static enum gw_status count_memory(struct gw_session *s, uint64_t bytes, struct gw_error *err)
{
	if (bytes > s->peers_taken)
		gw_make_room(s, NULL, bytes - s->peers_taken);
	bool counted = gw_budget_resize(&s->budget, &s->peers_taken, bytes);
	return counted ? GW_OK : gw_budget_refuse(&s->budget, bytes, "what servers exchange", err);
}

static enum gw_status reduce(
	struct gw_session *s, uint32_t group, const struct gw_group_reduction *r, struct gw_error *err)
{
	if (!s->peers)
		return gw_error_set(err, GW_ERR_PROTOCOL, "group %u is not defined", group);
	enum gw_status st = count_memory(s, gw_peers_needed(s->peers, group, r), err);
	if (st == GW_OK)
		st = gw_peers_reduce(s->peers, group, r, err);
	(void)count_memory(s, gw_peers_kept(s->peers), NULL);
	return st;
}

enum gw_status gw_do_ext_allreduce(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	struct gw_peers_reduce_req req;
	struct gw_tensor tensors[GW_PEERS_RANKS_MAX];
	bool computed[GW_PEERS_RANKS_MAX];
	enum gw_status st = GW_OK;

	if (!gw_peers_reduce_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	for (uint32_t i = 0; i < req.n && st == GW_OK; i++) {
		st = resolve(s, GGML_TYPE_F32, &req.operands[i], req.elements, &tensors[i], err);
		computed[i] = req.operands[i].computed != 0;
	}
	if (st == GW_OK)
		st = settle(s, err);
	if (st != GW_OK)
		return st;
	const struct gw_group_reduction r = {.format = (enum gw_peers_format)req.format,
		.steps = req.steps,
		.elements = req.elements,
		.n = req.n,
		.tensors = tensors,
		.computed = computed};
	return reduce(s, req.group, &r, err);
}

typedef enum gw_status (*copy_way)(struct gw_peers *p, uint32_t link, struct gw_tensor *t, struct gw_error *err);

static enum gw_status copy(struct gw_session *s, const void *body, size_t size, copy_way way, struct gw_error *err)
{
	struct gw_peers_copy_req req;
	struct gw_tensor bytes;

	if (!gw_peers_copy_req_decode(body, size, &req))
		return gw_refuse_body(size, err);
	const struct gw_peers_operand place = {.buffer = req.buffer, .data = req.data};
	enum gw_status st = resolve(s, GGML_TYPE_I8, &place, req.size, &bytes, err);
	if (st == GW_OK)
		st = settle(s, err);
	if (st != GW_OK)
		return st;
	if (!s->peers)
		return gw_error_set(err, GW_ERR_PROTOCOL, "there is no link %u", req.link);
	st = count_memory(s, gw_peers_copy_needed(s->peers, &bytes), err);
	if (st == GW_OK)
		st = way(s->peers, req.link, &bytes, err);
	(void)count_memory(s, gw_peers_kept(s->peers), NULL);
	return st;
}

enum gw_status gw_do_ext_send(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	return copy(s, body, size, gw_peers_send, err);
}

enum gw_status gw_do_ext_receive(struct gw_session *s, const void *body, size_t size, struct gw_error *err)
{
	return copy(s, body, size, gw_peers_receive, err);
}
