#include "backend/group.h"

#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/backend_state.h"
#include "backend/buffer.h"
#include "backend/links.h"
#include "backend/sequence.h"
#include "base/log.h"

/* As many elements as stock servers send in BF16 from. */
#define BF16_FROM 32768
/* Latency times rate of a link, in bytes: what a link could carry while a message is on its way. */
#define LINK_BYTES 65536

enum format {
	AUTO,
	F32,
	BF16
};

struct rank {
	const struct gw_remote_device *device;
	size_t server;
};

struct server {
	struct gw_remote_conn *conn; /* a reference */
	uint32_t group;              /* the group's number there */
};

struct group {
	struct gw_comm base;
	enum format format;
	size_t n_ranks, n_servers;
	struct rank ranks[GW_PEERS_RANKS_MAX];
	struct server servers[GW_PEERS_RANKS_MAX];
};

static enum format format_from_env(void)
{
	const char *value = getenv("GGML_RPC_ALLREDUCE");
	if (!value || !value[0] || strcmp(value, "auto") == 0)
		return AUTO;
	if (strcmp(value, "f32") == 0)
		return F32;
	if (strcmp(value, "bf16") == 0)
		return BF16;
	gw_log_warn("GGML_RPC_ALLREDUCE=%s is ignored: expected f32, bf16 or auto", value);
	return AUTO;
}

static size_t enter_server(struct group *g, struct gw_remote_conn *conn)
{
	size_t i = 0;
	while (i < g->n_servers && g->servers[i].conn != conn)
		i++;
	if (i == g->n_servers)
		g->servers[g->n_servers++].conn = conn;
	return i;
}

static enum gw_status collect(struct group *g, ggml_backend_t *backends, size_t n, struct gw_error *err)
{
	if (n < 2 || n > GW_PEERS_RANKS_MAX)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "%zu devices are not 2 to %d", n, GW_PEERS_RANKS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!gw_backend_is_rpc(backends[i]))
			return gw_error_set(
				err, GW_ERR_UNSUPPORTED, "%s is not a server's device", ggml_backend_name(backends[i]));
		const struct gw_backend *b = gw_backend_of(backends[i]);
		if (!b->conn->makes_links)
			return gw_error_set(err, GW_ERR_UNSUPPORTED,
				"server %s links to no others: it is a stock server, an older ggwire, or set to "
				"--no-peers",
				b->conn->remote->endpoint);
		g->ranks[i] = (struct rank){b->device, enter_server(g, b->conn)};
	}
	g->n_ranks = n;
	return GW_OK;
}

/* The lowest number that this server has free. */
static bool take_number(struct server *s)
{
	for (s->group = 0; s->group < GW_PEERS_GROUPS_MAX; s->group++) {
		if (s->conn->groups >> s->group & 1)
			continue;
		s->conn->groups |= UINT64_C(1) << s->group;
		return true;
	}
	return false;
}

/* size 0: the server forgets the group. */
static void define(const struct group *g, size_t i, size_t size)
{
	struct gw_peers_group_req req = {.group = g->servers[i].group, .size = (uint32_t)size};
	if (size > 0)
		req.self = (uint32_t)i;
	for (size_t k = 0; k < size; k++)
		if (k != i)
			req.links[k] = gw_links_number(g->servers[i].conn, g->servers[k].conn);
	/* If this fails, the server is lost, and all else fails, too. */
	(void)gw_client_group(g->servers[i].conn->client, &req, NULL);
}

static void leave_locked(struct group *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		define(g, i, 0);
		g->servers[i].conn->groups &= ~(UINT64_C(1) << g->servers[i].group);
	}
}

static enum gw_status join_locked(struct group *g, struct gw_error *err)
{
	struct gw_remote_conn *conns[GW_PEERS_RANKS_MAX];
	for (size_t i = 0; i < g->n_servers; i++)
		conns[i] = g->servers[i].conn;
	enum gw_status status = gw_links_connect(conns, g->n_servers, err);
	for (size_t i = 0; i < g->n_servers && !status; i++) {
		if (!take_number(&g->servers[i])) {
			leave_locked(g, i);
			return gw_error_set(err, GW_ERR_LIMIT, "server %s is in %d groups already",
				g->servers[i].conn->remote->endpoint, GW_PEERS_GROUPS_MAX);
		}
		define(g, i, g->n_servers);
	}
	return status;
}

static void group_free(struct gw_comm *comm)
{
	struct group *g = (struct group *)comm;
	gw_links_lock();
	leave_locked(g, g->n_servers);
	gw_links_unlock();
	for (size_t i = 0; i < g->n_servers; i++)
		gw_remote_put(g->servers[i].conn);
	free(g);
}

static bool fits(const struct group *g, size_t rank, const struct ggml_tensor *t, const struct ggml_tensor *first)
{
	const struct gw_remote_conn *conn = g->servers[g->ranks[rank].server].conn;
	const struct gw_buffer *buffer = gw_buffer_of(t);
	return t->type == GGML_TYPE_F32 && ggml_is_contiguously_allocated(t) && ggml_are_same_shape(t, first) &&
	       ggml_are_same_stride(t, first) && buffer && buffer->conn == conn &&
	       buffer->device == g->ranks[rank].device->index && !gw_client_lost(conn->client);
}

/* Two steps move fewer bytes, and wait twice: docs/scale-out.md, "Predictions". */
static uint32_t choose_steps(size_t n_servers, uint64_t bytes)
{
	uint64_t p = n_servers;
	if (p <= 2)
		return 1;
	return bytes * (p - 1) * (p - 2) <= LINK_BYTES * p && bytes <= GW_PEERS_ONE_STEP_MAX / 2 ? 1 : 2;
}

static void describe(const struct group *g, struct ggml_tensor **tensors, struct gw_peers_reduce_req *reqs)
{
	uint64_t n = (uint64_t)ggml_nelements(tensors[0]);
	bool bf16 = g->format == BF16 || (g->format == AUTO && n >= BF16_FROM);
	for (size_t i = 0; i < g->n_servers; i++)
		reqs[i] = (struct gw_peers_reduce_req){
			.group = g->servers[i].group,
			.format = bf16 ? GW_PEERS_BF16 : GW_PEERS_F32,
			.steps = choose_steps(g->n_servers, n * (bf16 ? 2 : 4)),
			.elements = n,
		};
	for (size_t j = 0; j < g->n_ranks; j++) {
		struct gw_peers_reduce_req *req = &reqs[g->ranks[j].server];
		req->operands[req->n++] = (struct gw_peers_operand){
			.buffer = gw_buffer_of(tensors[j])->remote.handle,
			.data = (uint64_t)(uintptr_t)tensors[j]->data,
			.computed = (tensors[j]->flags & GGML_TENSOR_FLAG_COMPUTE) != 0,
		};
	}
}

static bool group_allreduce(struct gw_comm *comm, struct ggml_tensor **tensors)
{
	const struct group *g = (const struct group *)comm;
	struct gw_peers_reduce_req reqs[GW_PEERS_RANKS_MAX];
	for (size_t j = 0; j < g->n_ranks; j++)
		if (!fits(g, j, tensors[j], tensors[0]))
			return false;
	if (ggml_nelements(tensors[0]) > UINT32_MAX)
		return false;
	describe(g, tensors, reqs);
	gw_links_lock();
	/* If one of them cannot be told, it is lost, and the others will find out. */
	for (size_t i = 0; i < g->n_servers; i++)
		(void)gw_sequence_reduce(g->servers[i].conn, &reqs[i]);
	gw_links_unlock();
	for (size_t i = 0; i < g->n_servers; i++)
		gw_client_flush_later(g->servers[i].conn->client);
	return true;
}

struct gw_comm *gw_group_new(ggml_backend_t *backends, size_t n, struct gw_error *err)
{
	struct group *g = calloc(1, sizeof(*g));
	if (!g) {
		gw_error_set(err, GW_ERR_NOMEM, "out of memory");
		return NULL;
	}
	g->base = (struct gw_comm){group_free, group_allreduce};
	g->format = format_from_env();
	enum gw_status status = collect(g, backends, n, err);
	if (!status) {
		gw_links_lock();
		status = join_locked(g, err);
		gw_links_unlock();
	}
	if (status) {
		free(g);
		return NULL;
	}
	for (size_t i = 0; i < g->n_servers; i++)
		gw_remote_ref(g->servers[i].conn);
	return &g->base;
}
