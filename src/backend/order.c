/* The part of a link that knows what was posted and what is known to be done. The order of requests on the connection
 * is the only order there is: an answer proves that all work before its request was done. */
#include "backend/buffer.h"
#include "backend/link.h"

/* Under link->lock. An answer to this request covers all work so far. */
static void get_locked(struct gw_link *link, enum gw_cmd cmd, const struct iovec *request, const struct gw_dest *dest)
{
	uint64_t ticket;

	link->covered = link->work;
	if (gw_client_get(link->client, cmd, request, 1, dest, &ticket) != GW_OK)
		return;
	link->ticket = ticket;
	link->outstanding = true;
}

void gw_link_get(struct gw_link *link, enum gw_cmd cmd, const struct iovec *request, const struct gw_dest *dest)
{
	pthread_mutex_lock(&link->lock);
	get_locked(link, cmd, request, dest);
	pthread_mutex_unlock(&link->lock);
}

void gw_link_drain(struct gw_link *link, uint64_t ticket)
{
	gw_client_drain(link->client, ticket);
	pthread_mutex_lock(&link->lock);
	if (link->ticket == ticket)
		link->outstanding = false;
	pthread_mutex_unlock(&link->lock);
}

/* A GET_TENSOR of no bytes: servers of all versions answer it, after what was posted before is done. */
static void barrier_locked(struct gw_link *link)
{
	const struct gw_buffer *buffer = link->buffers;
	uint8_t request[GW_WIRE_GET_REQ];
	struct gw_dest nothing = {0};

	link->covered = link->work;
	if (!buffer)
		return;
	struct gw_wire_get_req req = {
		.tensor = {.id = buffer->handle, .buffer = buffer->handle, .ne = {1, 1, 1, 1}, .nb = {1, 1, 1, 1}},
	};
	req.tensor.type = gw_opmap_type_wire(link->opmap, GGML_TYPE_I8);
	req.tensor.data = buffer->base;
	struct iovec part = {request, gw_wire_get_req_encode(link->dialect, &req, request)};
	get_locked(link, GW_CMD_GET_TENSOR, &part, &nothing);
}

bool gw_link_mark(struct gw_link *link, uint64_t *ticket)
{
	pthread_mutex_lock(&link->lock);
	if (link->work > link->covered)
		barrier_locked(link);
	bool outstanding = link->outstanding;
	if (outstanding)
		*ticket = link->ticket;
	pthread_mutex_unlock(&link->lock);
	return outstanding;
}

void gw_link_wait(struct gw_link *link)
{
	uint64_t ticket;

	if (gw_link_mark(link, &ticket))
		gw_link_drain(link, ticket);
}

/* Under link->lock. Counts as the server does, which clears its table of graphs at the same message. Before 8.0 it has
 * the last graph of each device, whoever sent it. */
static void remember_graph_locked(struct gw_link *link, uint32_t device, uint64_t uid)
{
	struct gw_link_device *d = &link->devices[device];

	d->last_uid = uid;
	d->last_generation = link->generation;
	if (uid == 0 || !link->dialect->graph_uid)
		return;
	if (d->graphs.count >= GW_LINK_GRAPHS)
		gw_map_clear(&d->graphs);
	(void)gw_map_put_u64(&d->graphs, uid, link->generation);
}

/* Under link->lock. */
static bool graph_known_locked(const struct gw_link *link, uint32_t device, uint64_t uid)
{
	const struct gw_link_device *d = &link->devices[device];
	uint64_t generation;

	if (!link->dialect->graph_uid)
		return d->last_uid == uid && d->last_generation == link->generation;
	return gw_map_find_u64(&d->graphs, uid, &generation) && generation == link->generation;
}

bool gw_link_recompute(struct gw_link *link, uint32_t device, uint64_t uid, enum gw_status *status)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct gw_wire_recompute_req req = {.device = device, .uid = uid};

	if (uid == 0)
		return false;
	pthread_mutex_lock(&link->lock);
	bool known = graph_known_locked(link, device, uid);
	if (known) {
		struct iovec part = {request, gw_wire_recompute_req_encode(link->dialect, &req, request)};
		link->work++;
		*status = gw_client_post(link->client, GW_CMD_GRAPH_RECOMPUTE, &part, 1);
	}
	pthread_mutex_unlock(&link->lock);
	return known;
}

enum gw_status gw_link_compute(struct gw_link *link, uint32_t device, uint64_t uid, const struct iovec *body)
{
	pthread_mutex_lock(&link->lock);
	remember_graph_locked(link, device, uid);
	link->work++;
	enum gw_status status = gw_client_post(link->client, GW_CMD_GRAPH_COMPUTE, body, 1);
	pthread_mutex_unlock(&link->lock);
	return status;
}

void gw_link_add_buffer(struct gw_link *link, struct gw_buffer *buffer)
{
	pthread_mutex_lock(&link->lock);
	buffer->prev = NULL;
	buffer->next = link->buffers;
	if (buffer->next)
		buffer->next->prev = buffer;
	link->buffers = buffer;
	pthread_mutex_unlock(&link->lock);
}

static void unlink_locked(struct gw_link *link, struct gw_buffer *buffer)
{
	if (buffer->prev)
		buffer->prev->next = buffer->next;
	else
		link->buffers = buffer->next;
	if (buffer->next)
		buffer->next->prev = buffer->prev;
}

void gw_link_drop_buffer(struct gw_link *link, struct gw_buffer *buffer)
{
	uint8_t request[GW_WIRE_MAX_FIXED];
	struct iovec part = {request, gw_wire_buffer_req_encode(buffer->handle, request)};

	pthread_mutex_lock(&link->lock);
	unlink_locked(link, buffer);
	/* Graphs that the server kept may be gone with the buffer: they count, and are sent again when needed. */
	link->generation++;
	gw_client_post(link->client, GW_CMD_FREE_BUFFER, &part, 1);
	pthread_mutex_unlock(&link->lock);
}
