#include "backend/pair.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/backend_state.h"
#include "backend/buffer.h"
#include "backend/encode.h"
#include "backend/links.h"
#include "backend/sequence.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/list/endpoint.h"
#include "transport/list/transports.h"

/* From the port of the first server to the one on which it waits for the second: part of the protocol. */
#define PORT_OFFSET 1000
/* The second server tries for five seconds to reach the first; ours for ten. */
#define ANSWER_MS 20000
#define KNOCK_MS 2000
#define KNOCK_EVERY_MS 50

struct rank {
	struct gw_remote_device *device;
	struct gw_remote_conn *conn; /* a reference */
};

struct comm {
	struct gw_comm base;
	struct comm *next;
	unsigned users;
	bool connecting; /* a thread shakes hands; others that want one of the devices wait for changed */
	struct rank ranks[2];
};

/* A server has one for each device, whoever asks for it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct comm *comms;

/* A handshake in progress. */
struct handshake {
	struct comm *comm;
	struct gw_endpoint meeting; /* where the first server waits for the second */
	uint64_t tickets[2];
	uint8_t answers[2];
};

static struct gw_client *client_of(const struct comm *c, size_t i)
{
	return c->ranks[i].conn->client;
}

static bool is_pair(ggml_backend_t *backends, size_t n)
{
	if (n != 2 || !gw_backend_is_rpc(backends[0]) || !gw_backend_is_rpc(backends[1]))
		return false;
	const struct gw_remote_conn *a = gw_backend_of(backends[0])->conn, *b = gw_backend_of(backends[1])->conn;
	return a->remote != b->remote && gw_dialect_has(a->dialect, GW_CMD_COMM_INIT) &&
	       gw_dialect_has(b->dialect, GW_CMD_COMM_INIT);
}

static bool find_meeting(const char *endpoint, struct gw_endpoint *ep)
{
	if (gw_endpoint_parse(endpoint, false, ep, NULL) || ep->kind->has_file || ep->port > UINT16_MAX - PORT_OFFSET ||
		strlen(ep->host) >= GW_WIRE_COMM_HOST)
		return false;
	ep->port += PORT_OFFSET;
	return true;
}

/* Stock servers get exactly what stock clients send: the first of them is not told where the second is. */
static void name_host(struct gw_wire_comm_init_req *req, const struct handshake *h, uint32_t rank)
{
	const struct gw_remote_conn *first = h->comm->ranks[0].conn;
	struct gw_endpoint second;
	if (rank == 1)
		memcpy(req->host, h->meeting.host, strlen(h->meeting.host));
	else if (first->extensions > 0 && find_meeting(h->comm->ranks[1].conn->remote->endpoint, &second))
		memcpy(req->host, second.host, strlen(second.host));
}

static enum gw_status ask(struct handshake *h, uint32_t rank)
{
	const struct gw_dest dest = {&h->answers[rank], 1, 1, 1};
	struct gw_wire_comm_init_req req = {
		.device = h->comm->ranks[rank].device->index,
		.rank = rank,
		.world = 2,
		.port = h->meeting.port,
	};
	name_host(&req, h, rank);
	return gw_client_comm_init(client_of(h->comm, rank), &req, &dest, &h->tickets[rank], NULL);
}

/* A server that waits for the other one for ever cannot be used for anything else. */
static void give_up(struct handshake *h, size_t rank)
{
	struct gw_client *client = client_of(h->comm, rank);
	struct gw_error why;
	gw_error_set(&why, GW_ERR_TIMEOUT,
		"server at %s did not connect to the other server within %d s; set GGML_RPC_NO_COMM=1 to do without",
		gw_client_name(client), ANSWER_MS / 1000);
	gw_client_interrupt(client, &why);
	(void)gw_client_drain(client, h->tickets[rank]);
}

/* The first server waits, a stock one without limit, for a second that will not come. It stops when somebody else comes
 * and leaves; perhaps it does not listen yet. */
static void release_first(const struct handshake *h)
{
	uint64_t deadline = gw_clock_deadline(ANSWER_MS);
	struct gw_transport *t;
	while (gw_client_await(client_of(h->comm, 0), h->tickets[0], KNOCK_EVERY_MS) == GW_ERR_TIMEOUT &&
		gw_clock_ns() < deadline)
		if (gw_transport_dial(&h->meeting, KNOCK_MS, &t, NULL) == GW_OK)
			t->ops->close(t);
}

static bool await(struct handshake *h, size_t rank)
{
	if (gw_client_await(client_of(h->comm, rank), h->tickets[rank], ANSWER_MS) == GW_ERR_TIMEOUT)
		give_up(h, rank);
	return h->answers[rank] != 0;
}

static bool shake_hands(struct handshake *h)
{
	bool asked[2];
	for (uint32_t i = 0; i < 2; i++)
		asked[i] = ask(h, i) == GW_OK;
	bool second = asked[1] && await(h, 1);
	if (!second && asked[0])
		release_first(h);
	bool first = asked[0] && await(h, 0);
	if (first && second)
		return true;
	for (uint32_t i = 0; i < 2; i++)
		if (h->answers[i])
			(void)gw_client_comm_free(client_of(h->comm, i), h->comm->ranks[i].device->index, NULL);
	gw_log_warn("RPC: %s and %s are not connected to each other, so sums go through this client, which is slower: "
		    "%s said no, and its log says why; the second server needs to reach port %u of %s",
		gw_client_name(client_of(h->comm, 0)), gw_client_name(client_of(h->comm, 1)),
		!first && !second ? "both" : gw_client_name(client_of(h->comm, first ? 1 : 0)), h->meeting.port,
		h->meeting.host);
	return false;
}

static bool is_same(const struct rank *a, const struct rank *b)
{
	return a->device == b->device && a->conn == b->conn;
}

/* The one that there is of a device; *same if it is of both, in this order. */
static struct comm *find_locked(const struct comm *wanted, bool *same)
{
	for (struct comm *c = comms; c; c = c->next) {
		*same = is_same(&c->ranks[0], &wanted->ranks[0]) && is_same(&c->ranks[1], &wanted->ranks[1]);
		for (size_t i = 0; i < 4; i++)
			if (is_same(&c->ranks[i % 2], &wanted->ranks[i / 2]))
				return c;
	}
	return NULL;
}

static void remove_locked(const struct comm *c)
{
	struct comm **at = &comms;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

/* Without the lock while the servers are asked. The backends keep their connections meanwhile. */
static struct comm *open_locked(const struct comm *wanted, const struct gw_endpoint *meeting)
{
	struct comm *c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	*c = *wanted;
	c->connecting = true;
	c->next = comms;
	comms = c;
	struct handshake h = {.comm = c, .meeting = *meeting};
	pthread_mutex_unlock(&lock);
	bool joined = shake_hands(&h);
	for (size_t i = 0; i < 2 && joined; i++)
		gw_remote_ref(c->ranks[i].conn);
	pthread_mutex_lock(&lock);
	c->connecting = false;
	pthread_cond_broadcast(&changed);
	if (joined)
		return c;
	remove_locked(c);
	free(c);
	return NULL;
}

static void pair_free(struct gw_comm *comm)
{
	struct comm *c = (struct comm *)comm;
	pthread_mutex_lock(&lock);
	bool last = --c->users == 0;
	if (last)
		remove_locked(c);
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (gw_client_comm_free(client_of(c, i), c->ranks[i].device->index, NULL) == GW_OK)
			(void)gw_client_flush(client_of(c, i));
		gw_remote_put(c->ranks[i].conn);
	}
	free(c);
}

static bool prepare(const struct rank *r, const struct ggml_tensor *t, struct gw_wire_allreduce_req *req)
{
	const struct gw_buffer *buffer = gw_buffer_of(t);
	if (t->type != GGML_TYPE_F32 || !ggml_is_contiguously_allocated(t) || !(t->flags & GGML_TENSOR_FLAG_COMPUTE))
		return false;
	if (!buffer || buffer->conn != r->conn || buffer->device != r->device->index || gw_client_lost(r->conn->client))
		return false;
	req->device = r->device->index;
	return gw_encode_tensor(r->conn, t, &req->tensor, NULL) == GW_OK;
}

static bool pair_allreduce(struct gw_comm *comm, struct ggml_tensor **tensors)
{
	const struct comm *c = (const struct comm *)comm;
	struct gw_wire_allreduce_req reqs[2];
	if (ggml_nelements(tensors[0]) != ggml_nelements(tensors[1]) || !prepare(&c->ranks[0], tensors[0], &reqs[0]) ||
		!prepare(&c->ranks[1], tensors[1], &reqs[1]))
		return false;
	gw_links_lock();
	/* If one of them cannot be told, it is lost, and the other will find out. */
	for (size_t i = 0; i < 2; i++)
		(void)gw_sequence_allreduce(c->ranks[i].conn, &reqs[i]);
	gw_links_unlock();
	for (size_t i = 0; i < 2; i++)
		gw_client_flush_soon(client_of(c, i));
	return true;
}

struct gw_comm *gw_pair_new(ggml_backend_t *backends, size_t n)
{
	struct comm wanted = {.base = {pair_free, pair_allreduce}, .users = 1};
	struct gw_endpoint meeting;
	bool same;
	if (!is_pair(backends, n))
		return NULL;
	for (size_t i = 0; i < 2; i++)
		wanted.ranks[i] = (struct rank){gw_backend_of(backends[i])->device, gw_backend_of(backends[i])->conn};
	if (!find_meeting(wanted.ranks[0].device->remote->endpoint, &meeting))
		return NULL;
	pthread_mutex_lock(&lock);
	struct comm *c;
	while ((c = find_locked(&wanted, &same)) && c->connecting)
		pthread_cond_wait(&changed, &lock);
	if (!c)
		c = open_locked(&wanted, &meeting);
	else if (same)
		c->users++;
	else
		c = NULL;
	pthread_mutex_unlock(&lock);
	return c ? &c->base : NULL;
}
