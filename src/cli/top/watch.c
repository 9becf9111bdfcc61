#include "cli/top/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/top/snapshot.h"

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

static enum gw_status look(struct gw_client *c, struct gw_watch_view *view, struct gw_error *err)
{
	struct gw_snapshot s;
	enum gw_status status = gw_snapshot_take(c, &s, err);
	if (status)
		return status;
	view->reached = true;
	view->told = s.complete;
	view->status = s.status;
	view->about = s.about;
	snprintf(view->why, sizeof(view->why), "%s", s.why.text);
	return GW_OK;
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

static void watch_connection(struct gw_watch *w, struct gw_client *c)
{
	for (;;) {
		struct gw_watch_view next = {0};
		struct gw_error err;
		if (look(c, &next, &err)) {
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
		struct gw_verb_client v;
		struct gw_error err;
		if (gw_verb_connect(&v, &w->wish.target, &err)) {
			publish_failure(w, &err);
		} else {
			watch_connection(w, v.client);
			gw_verb_disconnect(&v);
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
	struct gw_verb_client v;
	struct gw_error err;
	*view = (struct gw_watch_view){0};
	enum gw_status status = gw_verb_connect(&v, &wish->target, &err);
	if (!status) {
		status = look(v.client, view, &err);
		gw_verb_disconnect(&v);
	}
	if (status)
		snprintf(view->why, sizeof(view->why), "%s", err.text);
}
