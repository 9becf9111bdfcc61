#include "backend/event.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/backend_state.h"
#include "backend/sequence.h"

struct gw_event {
	struct ggml_backend_event base;
	pthread_mutex_t lock;
	struct gw_remote_conn *conn; /* a reference, or NULL if there is nothing to wait for */
	uint64_t ticket;
};

static struct gw_event *context_of(ggml_backend_event_t event)
{
	return event->context;
}

ggml_backend_event_t gw_event_new(ggml_backend_dev_t dev)
{
	struct gw_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->base = (struct ggml_backend_event){.device = dev, .context = e};
	pthread_mutex_init(&e->lock, NULL);
	return &e->base;
}

/* Puts a conn, or none, in the event's place and gives the old one back. */
static void replace(struct gw_event *e, struct gw_remote_conn *conn, uint64_t ticket)
{
	pthread_mutex_lock(&e->lock);
	struct gw_remote_conn *old = e->conn;
	e->conn = conn;
	e->ticket = ticket;
	pthread_mutex_unlock(&e->lock);
	if (old)
		gw_remote_put(old);
}

void gw_event_free(ggml_backend_dev_t dev, ggml_backend_event_t event)
{
	struct gw_event *e = context_of(event);

	(void)dev;
	replace(e, NULL, 0);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void gw_event_record(ggml_backend_t backend, ggml_backend_event_t event)
{
	struct gw_remote_conn *conn = gw_backend_of(backend)->conn;
	uint64_t ticket;

	if (!gw_sequence_mark(conn, &ticket)) {
		replace(context_of(event), NULL, 0);
		return;
	}
	gw_client_flush(conn->client);
	gw_remote_ref(conn);
	replace(context_of(event), conn, ticket);
}

/* A reference to what is to be waited for, or NULL. */
static struct gw_remote_conn *target(struct gw_event *e, uint64_t *ticket)
{
	pthread_mutex_lock(&e->lock);
	struct gw_remote_conn *conn = e->conn;
	*ticket = e->ticket;
	if (conn)
		gw_remote_ref(conn);
	pthread_mutex_unlock(&e->lock);
	return conn;
}

void gw_event_synchronize(ggml_backend_dev_t dev, ggml_backend_event_t event)
{
	uint64_t ticket;
	struct gw_remote_conn *conn = target(context_of(event), &ticket);

	(void)dev;
	if (!conn)
		return;
	gw_sequence_drain(conn, ticket);
	gw_remote_put(conn);
}

void gw_event_wait(ggml_backend_t backend, ggml_backend_event_t event)
{
	uint64_t ticket;

	/* A device of this library makes its events here. */
	if (event->device->iface.event_new != gw_event_new) {
		ggml_backend_event_synchronize(event);
		return;
	}
	struct gw_remote_conn *conn = target(context_of(event), &ticket);
	if (!conn)
		return;
	if (conn != gw_backend_of(backend)->conn)
		gw_sequence_drain(conn, ticket);
	gw_remote_put(conn);
}
