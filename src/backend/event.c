#include "backend/event.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "backend/device.h"
#include "backend/link.h"

struct gw_event {
	struct ggml_backend_event base;
	pthread_mutex_t lock;
	struct gw_link *link; /* a reference, or NULL if there is nothing to wait for */
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

/* Puts a link, or none, in the event's place and gives the old one back. */
static void replace(struct gw_event *e, struct gw_link *link, uint64_t ticket)
{
	pthread_mutex_lock(&e->lock);
	struct gw_link *old = e->link;
	e->link = link;
	e->ticket = ticket;
	pthread_mutex_unlock(&e->lock);
	if (old)
		gw_link_put(old);
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
	struct gw_link *link = gw_backend_link(backend);
	uint64_t ticket;

	if (!gw_link_mark(link, &ticket)) {
		replace(context_of(event), NULL, 0);
		return;
	}
	gw_client_flush(link->client);
	gw_link_ref(link);
	replace(context_of(event), link, ticket);
}

/* A reference to what is to be waited for, or NULL. */
static struct gw_link *target(struct gw_event *e, uint64_t *ticket)
{
	pthread_mutex_lock(&e->lock);
	struct gw_link *link = e->link;
	*ticket = e->ticket;
	if (link)
		gw_link_ref(link);
	pthread_mutex_unlock(&e->lock);
	return link;
}

void gw_event_synchronize(ggml_backend_dev_t dev, ggml_backend_event_t event)
{
	uint64_t ticket;
	struct gw_link *link = target(context_of(event), &ticket);

	(void)dev;
	if (!link)
		return;
	gw_link_drain(link, ticket);
	gw_link_put(link);
}

void gw_event_wait(ggml_backend_t backend, ggml_backend_event_t event)
{
	uint64_t ticket;

	if (!gw_remote_device_from(event->device)) {
		ggml_backend_event_synchronize(event);
		return;
	}
	struct gw_link *link = target(context_of(event), &ticket);
	if (!link)
		return;
	if (link != gw_backend_link(backend))
		gw_link_drain(link, ticket);
	gw_link_put(link);
}
