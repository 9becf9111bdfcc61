#include "backend/remote.h"

#include <stdlib.h>
#include <string.h>

#include "backend/report/failure.h"
#include "base/clock.h"
#include "base/log.h"

#define RETRY_MS 1000

static const struct gw_error lost_before_use = {
	.status = GW_ERR_LOST, .text = "the connection broke before its first use"};

struct gw_remote *gw_remote_new(const char *endpoint, gw_dial dial, void *dial_user)
{
	struct gw_remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	remote->endpoint = strdup(endpoint);
	if (!remote->endpoint) {
		free(remote);
		return NULL;
	}
	remote->dial = dial;
	remote->dial_user = dial_user;
	gw_reply_cache_init(&remote->alloc_sizes);
	gw_reply_cache_init(&remote->supported);
	gw_told_init(&remote->told);
	pthread_mutex_init(&remote->lock, NULL);
	pthread_cond_init(&remote->changed, NULL);
	return remote;
}

void gw_remote_free(struct gw_remote *remote)
{
	if (remote->conn)
		gw_remote_conn_free(remote->conn);
	gw_reply_cache_clear(&remote->alloc_sizes);
	gw_reply_cache_clear(&remote->supported);
	gw_told_clear(&remote->told);
	pthread_cond_destroy(&remote->changed);
	pthread_mutex_destroy(&remote->lock);
	free(remote->endpoint);
	free(remote);
}

/* Takes the reference of the remote away; the caller closes the result, if any, without the lock. */
static struct gw_remote_conn *detach_locked(struct gw_remote *remote)
{
	struct gw_remote_conn *conn = remote->conn;

	remote->conn = NULL;
	return conn && --conn->refs == 0 ? conn : NULL;
}

/* A server whose devices the program has and that cannot be reached any more is as bad as a lost connection. */
static void report_unreachable(const struct gw_remote *remote, bool exits, const struct gw_error *why)
{
	if (!remote->character)
		gw_failure_not_used(remote->endpoint, why);
	else if (exits)
		gw_failure_lost(remote->endpoint, why);
	else
		gw_log_error("RPC: %s", why->text);
}

static enum gw_status open_any(struct gw_remote *remote, struct gw_remote_conn **out)
{
	struct gw_client *client;
	struct gw_error err = {0};
	bool exits = false;
	enum gw_status status = gw_failure_exits_on_loss(&exits, &err);

	if (status == GW_OK)
		status = remote->dial(remote->dial_user, remote->endpoint, &client, &err);
	if (status == GW_OK)
		status = gw_remote_conn_new(remote, client, exits, out, &err);
	if (status != GW_OK) {
		report_unreachable(remote, exits, &err);
		remote->retry_at_ns = gw_clock_deadline(RETRY_MS);
	}
	return status;
}

/* Whether the sizes that ggml got still hold. If not, they are forgotten, and the next connection is accepted. */
static bool is_as_before(struct gw_remote *remote, const struct gw_remote_conn *conn)
{
	uint64_t before = remote->character;

	remote->character = gw_remote_conn_character(conn);
	if (!before || before == remote->character || !atomic_load(&remote->told.any))
		return true;
	gw_told_clear(&remote->told);
	gw_log_error("RPC: %s: refused: the server or one of its devices has changed since ggml asked it for sizes; "
		     "load the model again",
		remote->endpoint);
	return false;
}

static enum gw_status open_connection(struct gw_remote *remote, struct gw_remote_conn **out)
{
	struct gw_remote_conn *conn;
	enum gw_status status = open_any(remote, &conn);

	if (status != GW_OK)
		return status;
	if (!is_as_before(remote, conn)) {
		gw_remote_conn_free(conn);
		return GW_ERR_LOST;
	}
	*out = conn;
	return GW_OK;
}

/* Leaves the lock while it connects; meanwhile the remote is in the state connecting. */
static enum gw_status connect_locked(struct gw_remote *remote)
{
	struct gw_remote_conn *conn = NULL;

	if (gw_clock_ns() < remote->retry_at_ns)
		return GW_ERR_LOST;
	remote->connecting = true;
	pthread_mutex_unlock(&remote->lock);
	enum gw_status status = open_connection(remote, &conn);
	pthread_mutex_lock(&remote->lock);
	remote->connecting = false;
	remote->conn = conn;
	if (conn)
		conn->refs = 1;
	pthread_cond_broadcast(&remote->changed);
	return status;
}

static enum gw_status acquire(struct gw_remote *remote, bool replace_lost, struct gw_remote_conn **out)
{
	struct gw_remote_conn *dead = NULL;
	enum gw_status status = GW_OK;

	pthread_mutex_lock(&remote->lock);
	while (remote->connecting)
		pthread_cond_wait(&remote->changed, &remote->lock);
	if (remote->conn && replace_lost && gw_client_lost(remote->conn->client)) {
		dead = detach_locked(remote);
		gw_reply_cache_clear(&remote->alloc_sizes);
		gw_reply_cache_clear(&remote->supported);
	}
	if (!remote->conn)
		status = connect_locked(remote);
	if (status == GW_OK) {
		remote->conn->refs++;
		*out = remote->conn;
	}
	pthread_mutex_unlock(&remote->lock);
	if (dead)
		gw_remote_conn_free(dead);
	return status;
}

enum gw_status gw_remote_connect(struct gw_remote *remote, struct gw_remote_conn **out)
{
	return acquire(remote, true, out);
}

enum gw_status gw_remote_current(struct gw_remote *remote, struct gw_remote_conn **out)
{
	return acquire(remote, false, out);
}

void gw_remote_ref(struct gw_remote_conn *conn)
{
	pthread_mutex_lock(&conn->remote->lock);
	conn->refs++;
	pthread_mutex_unlock(&conn->remote->lock);
}

void gw_remote_use(struct gw_remote_conn *conn)
{
	pthread_mutex_lock(&conn->remote->lock);
	atomic_store(&conn->used, true);
	pthread_mutex_unlock(&conn->remote->lock);
	/* Whoever lost the connection may have seen it unused. */
	if (conn->exits && gw_client_lost(conn->client))
		gw_failure_lost(gw_client_name(conn->client), &lost_before_use);
}

void gw_remote_put(struct gw_remote_conn *conn)
{
	struct gw_remote *remote = conn->remote;
	struct gw_remote_conn *last = NULL;

	pthread_mutex_lock(&remote->lock);
	if (--conn->refs == 0)
		last = conn;
	else if (conn->refs == 1 && conn->used && remote->conn == conn)
		last = detach_locked(remote);
	/* No buffer is left, and so no plan. */
	if (last && last->used)
		gw_told_clear(&remote->told);
	pthread_mutex_unlock(&remote->lock);
	if (last)
		gw_remote_conn_free(last);
}

size_t gw_remote_tell(struct gw_remote *remote, struct gw_remote_conn *conn, const char *what, const void *question,
	size_t question_size, size_t number)
{
	size_t first = gw_told_first(&remote->told, question, question_size, number);
	struct gw_error why;

	if (number <= first)
		return number;
	if (!conn)
		return first;
	gw_error_set(&why, GW_ERR_PROTOCOL,
		"%s is now %zu bytes, but was %zu when ggml asked for it; load the model again", what, number, first);
	gw_client_give_up(conn->client, &why);
	return first;
}

size_t gw_remote_alignment(struct gw_remote *remote, struct gw_remote_conn *conn, uint32_t device)
{
	const uint32_t question[] = {UINT32_MAX, device}; /* no node's key begins with such a device */
	size_t number = GW_REMOTE_DEFAULT_ALIGNMENT;

	if (conn && device < conn->n_devices)
		number = gw_remote_conn_alignment(conn, device);
	return gw_remote_tell(remote, conn, "the alignment of buffers", question, sizeof(question), number);
}
