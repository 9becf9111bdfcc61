#include "backend/sequence.h"

#include <string.h>

#include "transport/mode.h"

/* Under conn->lock. The reply to a request that was just sent covers all work so far. */
static void note_locked(struct gw_remote_conn *conn, enum gw_status status, uint64_t ticket)
{
	conn->covered = conn->work;
	if (status != GW_OK)
		return;
	conn->ticket = ticket;
	conn->outstanding = true;
}

static void get_locked(struct gw_remote_conn *conn, const struct gw_wire_get_req *what, const struct gw_dest *dest)
{
	uint64_t ticket = 0;
	enum gw_status status = gw_client_get_tensor(conn->client, what, dest, &ticket, NULL);

	note_locked(conn, status, ticket);
}

void gw_sequence_get(struct gw_remote_conn *conn, const struct gw_wire_get_req *what, const struct gw_dest *dest)
{
	pthread_mutex_lock(&conn->lock);
	get_locked(conn, what, dest);
	pthread_mutex_unlock(&conn->lock);
}

void gw_sequence_get_2d(struct gw_remote_conn *conn, const struct gw_wire_2d_req *what, const struct gw_dest *dest)
{
	uint64_t ticket = 0;

	pthread_mutex_lock(&conn->lock);
	enum gw_status status = gw_client_get_tensor_2d(conn->client, what, dest, &ticket, NULL);
	note_locked(conn, status, ticket);
	pthread_mutex_unlock(&conn->lock);
}

void gw_sequence_drain(struct gw_remote_conn *conn, uint64_t ticket)
{
	gw_client_drain(conn->client, ticket);
	pthread_mutex_lock(&conn->lock);
	if (conn->ticket == ticket)
		conn->outstanding = false;
	pthread_mutex_unlock(&conn->lock);
}

/* A GET_TENSOR of no bytes: servers of all versions answer it, after everything that was posted before is done. */
static void barrier_locked(struct gw_remote_conn *conn)
{
	const struct gw_remote_buffer *buffer = conn->buffers;
	const struct gw_dest nothing = {0};

	conn->covered = conn->work;
	if (!buffer)
		return;
	struct gw_wire_get_req req = {
		.tensor = {.id = buffer->handle, .buffer = buffer->handle, .ne = {1, 1, 1, 1}, .nb = {1, 1, 1, 1}},
	};
	req.tensor.type = gw_opmap_type_wire(conn->opmap, GGML_TYPE_I8);
	req.tensor.data = buffer->base;
	get_locked(conn, &req, &nothing);
}

bool gw_sequence_mark(struct gw_remote_conn *conn, uint64_t *ticket)
{
	pthread_mutex_lock(&conn->lock);
	if (conn->work > conn->covered)
		barrier_locked(conn);
	bool outstanding = conn->outstanding;
	if (outstanding)
		*ticket = conn->ticket;
	pthread_mutex_unlock(&conn->lock);
	return outstanding;
}

void gw_sequence_wait(struct gw_remote_conn *conn)
{
	uint64_t ticket;

	if (gw_sequence_mark(conn, &ticket))
		gw_sequence_drain(conn, ticket);
}

/* Under conn->lock. Counts as the server does, which clears its table of graphs at the same message. Before 8.0 it has
 * the last graph of each device, regardless of the sender. */
static void remember_graph_locked(struct gw_remote_conn *conn, uint32_t device, uint64_t uid)
{
	struct gw_remote_conn_device *d = &conn->devices[device];

	d->last_uid = uid;
	d->last_generation = conn->generation;
	if (uid == 0 || !conn->dialect->graph_uid)
		return;
	if (d->graphs.count >= GW_REMOTE_GRAPHS)
		gw_map_clear(&d->graphs);
	(void)gw_map_put_u64(&d->graphs, uid, conn->generation);
}

static bool graph_known_locked(const struct gw_remote_conn *conn, uint32_t device, uint64_t uid)
{
	const struct gw_remote_conn_device *d = &conn->devices[device];
	uint64_t generation;

	if (!conn->dialect->graph_uid)
		return d->last_uid == uid && d->last_generation == conn->generation;
	return gw_map_find_u64(&d->graphs, uid, &generation) && generation == conn->generation;
}

static bool recompute_locked(struct gw_remote_conn *conn, uint32_t device, uint64_t uid, enum gw_status *status)
{
	const struct gw_wire_recompute_req req = {.device = device, .uid = uid};

	if (!graph_known_locked(conn, device, uid))
		return false;
	conn->work++;
	*status = gw_client_recompute(conn->client, &req, NULL);
	return true;
}

bool gw_sequence_recompute(struct gw_remote_conn *conn, uint32_t device, uint64_t uid, enum gw_status *status)
{
	if (uid == 0)
		return false;
	pthread_mutex_lock(&conn->lock);
	bool known = recompute_locked(conn, device, uid, status);
	pthread_mutex_unlock(&conn->lock);
	return known;
}

/* Whether the last graph without a uid was the same. If not, this one takes its place. */
static bool repeats_locked(struct gw_remote_conn_device *d, const uint8_t *body, size_t size)
{
	if (d->unnamed.len == size && memcmp(d->unnamed.data, body, size) == 0)
		return true;
	d->unnamed.len = 0;
	/* Without memory, the next graph does not repeat this one. */
	(void)gw_buf_append(&d->unnamed, body, size);
	return false;
}

static enum gw_status compute_locked(
	struct gw_remote_conn *conn, uint32_t device, uint64_t uid, uint8_t *body, size_t size)
{
	gw_wire_graph_set_uid(conn->dialect, uid, body);
	remember_graph_locked(conn, device, uid);
	conn->work++;
	return gw_client_compute(conn->client, body, size, NULL);
}

/* A graph that comes only once is not worth a place in the server's table. Before 8.0 there is none: the server keeps
 * the last graph anyway. */
static enum gw_status compute_unnamed_locked(struct gw_remote_conn *conn, uint32_t device, uint8_t *body, size_t size)
{
	struct gw_remote_conn_device *d = &conn->devices[device];
	bool repeats = repeats_locked(d, body, size);
	enum gw_status status;

	if (repeats && d->unnamed_kept && recompute_locked(conn, device, GW_REMOTE_UNNAMED, &status))
		return status;
	d->unnamed_kept = repeats || !conn->dialect->graph_uid;
	return compute_locked(conn, device, d->unnamed_kept ? GW_REMOTE_UNNAMED : 0, body, size);
}

enum gw_status gw_sequence_compute(
	struct gw_remote_conn *conn, uint32_t device, uint64_t uid, uint8_t *body, size_t size)
{
	pthread_mutex_lock(&conn->lock);
	enum gw_status status = uid == 0 && !gw_transport_stock_only()
					? compute_unnamed_locked(conn, device, body, size)
					: compute_locked(conn, device, uid, body, size);
	pthread_mutex_unlock(&conn->lock);
	return status;
}

enum gw_status gw_sequence_allreduce(struct gw_remote_conn *conn, const struct gw_wire_allreduce_req *req)
{
	pthread_mutex_lock(&conn->lock);
	conn->work++;
	enum gw_status status = gw_client_allreduce(conn->client, req, NULL);
	pthread_mutex_unlock(&conn->lock);
	return status;
}

enum gw_status gw_sequence_reduce(struct gw_remote_conn *conn, const struct gw_peers_reduce_req *req)
{
	pthread_mutex_lock(&conn->lock);
	conn->work++;
	enum gw_status status = gw_client_reduce(conn->client, req, NULL);
	pthread_mutex_unlock(&conn->lock);
	return status;
}

enum gw_status gw_sequence_copy(struct gw_remote_conn *conn, bool sends, const struct gw_peers_copy_req *req)
{
	pthread_mutex_lock(&conn->lock);
	conn->work++;
	enum gw_status status = (sends ? gw_client_send_to_peer : gw_client_receive_from_peer)(conn->client, req, NULL);
	pthread_mutex_unlock(&conn->lock);
	return status;
}

void gw_sequence_add_buffer(struct gw_remote_conn *conn, struct gw_remote_buffer *buffer)
{
	pthread_mutex_lock(&conn->lock);
	buffer->prev = NULL;
	buffer->next = conn->buffers;
	if (buffer->next)
		buffer->next->prev = buffer;
	conn->buffers = buffer;
	pthread_mutex_unlock(&conn->lock);
}

static void unlink_locked(struct gw_remote_conn *conn, struct gw_remote_buffer *buffer)
{
	if (buffer->prev)
		buffer->prev->next = buffer->next;
	else
		conn->buffers = buffer->next;
	if (buffer->next)
		buffer->next->prev = buffer->prev;
}

void gw_sequence_free_buffer(struct gw_remote_conn *conn, struct gw_remote_buffer *buffer)
{
	pthread_mutex_lock(&conn->lock);
	unlink_locked(conn, buffer);
	/* Graphs that the server kept may be gone with the buffer. They still count, and are sent again when needed. */
	conn->generation++;
	(void)gw_client_free_buffer(conn->client, buffer->handle, NULL);
	pthread_mutex_unlock(&conn->lock);
}
