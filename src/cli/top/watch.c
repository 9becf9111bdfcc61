#include "cli/top/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/top/ask_status.h"
#include "cli/visit.h"

/* The lock is a leaf. The thread runs as long as the process. */
struct gw_watch {
	struct gw_watch_wish wish;
	pthread_mutex_t lock;
	struct gw_watch_view view; /* under the lock */
};

static void pause_for(uint64_t ns)
{
	struct timespec t = gw_clock_timespec(ns);
	nanosleep(&t, NULL);
}

/* What a server tells that tells nothing else. */
static enum gw_status devices_of(const struct gw_ask_server *server, struct gw_ext_status *s)
{
	s->devices = calloc(server->n_devices ? server->n_devices : 1, sizeof(*s->devices));
	if (!s->devices)
		return GW_ERR_NOMEM;
	s->n_devices = server->n_devices;
	for (uint32_t i = 0; i < s->n_devices; i++) {
		const struct gw_ask_device *from = &server->devices[i];
		struct gw_ext_status_device *to = &s->devices[i];
		to->total = from->total;
		to->free = from->free;
		to->age_ms = GW_EXT_UNKNOWN;
		memcpy(to->description, from->description, sizeof(to->description));
		if (from->name[0])
			memcpy(to->name, from->name, sizeof(to->name));
		else
			snprintf(to->name, sizeof(to->name), "%u", (unsigned)i);
	}
	return GW_OK;
}

/* Memory is asked for each time: a stock server tells it and nothing else. */
static enum gw_status ask(struct gw_visit *v, struct gw_watch_view *view, struct gw_error *err)
{
	struct gw_ask_server server;
	struct gw_error why = {0};
	enum gw_status status = gw_ask_server(v, &server, err);
	if (status)
		return status;
	gw_ask_server_text(v, server.version, view->what);
	view->told = gw_ask_status(v, &server, &view->status, &why) == GW_OK;
	*err = why;
	if (!view->told)
		status = why.status == GW_ERR_UNSUPPORTED ? gw_ask_memory(v, &server, err) : why.status;
	if (!view->told && !status)
		status = devices_of(&server, &view->status);
	gw_ask_server_free(&server);
	view->reached = status == GW_OK;
	snprintf(view->why, sizeof(view->why), "%s", status ? err->text : why.text);
	return status;
}

/* Takes over next, which was reached. */
static void publish(struct gw_watch *w, struct gw_watch_view *next)
{
	pthread_mutex_lock(&w->lock);
	struct gw_watch_view *now = &w->view;
	gw_ext_status_free(&now->before);
	if (now->reached) {
		next->before = now->status;
		next->has_before = true;
	} else {
		gw_ext_status_free(&now->status);
	}
	*now = *next;
	pthread_mutex_unlock(&w->lock);
}

static void publish_failure(struct gw_watch *w, const struct gw_error *err)
{
	pthread_mutex_lock(&w->lock);
	w->view.reached = false;
	snprintf(w->view.why, sizeof(w->view.why), "%s", err->text);
	pthread_mutex_unlock(&w->lock);
}

static void watch_connection(struct gw_watch *w, struct gw_visit *v)
{
	for (;;) {
		struct gw_watch_view next = {0};
		struct gw_error err;
		if (ask(v, &next, &err)) {
			publish_failure(w, &err);
			return;
		}
		publish(w, &next);
		pause_for(w->wish.interval_ns);
	}
}

static void *run(void *arg)
{
	struct gw_watch *w = arg;
	for (;;) {
		struct gw_visit v;
		struct gw_error err;
		const struct gw_visit_wish wish = {
			.endpoint = w->wish.endpoint, .mode = w->wish.mode, .timeout_ms = w->wish.timeout_ms};
		if (gw_visit_open(&v, &wish, &err)) {
			publish_failure(w, &err);
		} else {
			watch_connection(w, &v);
			gw_visit_close(&v);
		}
		pause_for(w->wish.interval_ns);
	}
	return NULL;
}

enum gw_status gw_watch_start(const struct gw_watch_wish *wish, struct gw_watch **out, struct gw_error *err)
{
	pthread_t thread;
	struct gw_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	w->wish = *wish;
	pthread_mutex_init(&w->lock, NULL);
	int failure = pthread_create(&thread, NULL, run, w);
	if (failure) {
		pthread_mutex_destroy(&w->lock);
		free(w);
		return gw_error_errno(err, GW_ERR_SYSTEM, failure, "no thread");
	}
	pthread_detach(thread);
	*out = w;
	return GW_OK;
}

static enum gw_status copy_status(const struct gw_ext_status *from, struct gw_ext_status *to)
{
	struct gw_ext_status copy = *from;
	copy.devices = calloc(from->n_devices ? from->n_devices : 1, sizeof(*copy.devices));
	copy.clients = calloc(from->n_clients ? from->n_clients : 1, sizeof(*copy.clients));
	if (!copy.devices || !copy.clients) {
		free(copy.devices);
		free(copy.clients);
		return GW_ERR_NOMEM;
	}
	if (from->n_devices)
		memcpy(copy.devices, from->devices, from->n_devices * sizeof(*copy.devices));
	if (from->n_clients)
		memcpy(copy.clients, from->clients, from->n_clients * sizeof(*copy.clients));
	*to = copy;
	return GW_OK;
}

enum gw_status gw_watch_look(struct gw_watch *w, struct gw_watch_view *view)
{
	pthread_mutex_lock(&w->lock);
	*view = w->view;
	enum gw_status status = copy_status(&w->view.status, &view->status);
	if (!status)
		status = copy_status(&w->view.before, &view->before);
	if (status)
		gw_ext_status_free(&view->status);
	pthread_mutex_unlock(&w->lock);
	return status;
}

void gw_watch_free_view(struct gw_watch_view *view)
{
	gw_ext_status_free(&view->status);
	gw_ext_status_free(&view->before);
}

void gw_watch_once(const struct gw_watch_wish *wish, struct gw_watch_view *view)
{
	struct gw_visit v;
	struct gw_error err;
	const struct gw_visit_wish visit = {
		.endpoint = wish->endpoint, .mode = wish->mode, .timeout_ms = wish->timeout_ms};
	*view = (struct gw_watch_view){0};
	if (gw_visit_open(&v, &visit, &err)) {
		snprintf(view->why, sizeof(view->why), "%s", err.text);
		return;
	}
	if (ask(&v, view, &err))
		snprintf(view->why, sizeof(view->why), "%s", err.text);
	gw_visit_close(&v);
}
