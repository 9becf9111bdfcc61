#include "daemon/listeners.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "transport/list/transports.h"

#define BACKLOG 128
#define ACCEPT_BATCH 16
#define ACCEPT_PAUSE_NS UINT64_C(200000000)

struct listener {
	struct gw_source source;
	struct gw_listeners *all;
	struct listener *next;
	struct gw_endpoint ep;
	struct gw_terms terms;
	struct stat file; /* of a Unix socket that was made here */
	int fd;
};

struct gw_listeners {
	gw_listeners_take *take;
	void *user;
	int events;
	struct listener *first;
	bool stopped;
	bool failed;        /* accepting has, and that was logged */
	uint64_t accept_at; /* all are paused until then; 0 = they are not */
};

enum gw_status gw_listeners_new(gw_listeners_take *take, void *user, struct gw_listeners **out, struct gw_error *err)
{
	struct gw_listeners *l = calloc(1, sizeof(*l));
	if (!l)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	l->take = take;
	l->user = user;
	*out = l;
	return GW_OK;
}

static void close_one(struct listener *l)
{
	close(l->fd);
	struct stat now;
	if (l->ep.kind->has_file && lstat(l->ep.host, &now) == 0 && now.st_dev == l->file.st_dev &&
		now.st_ino == l->file.st_ino)
		unlink(l->ep.host);
	free(l);
}

void gw_listeners_free(struct gw_listeners *l)
{
	while (l && l->first) {
		struct listener *one = l->first;
		l->first = one->next;
		close_one(one);
	}
	free(l);
}

/* Nothing can be accepted at the moment, and the reason will not go away by trying at once. */
static void pause_all(struct gw_listeners *all, int errnum)
{
	if (!all->failed)
		gw_log_error("cannot accept connections: %s", strerror(errnum));
	all->failed = true;
	all->accept_at = gw_clock_ns() + ACCEPT_PAUSE_NS;
	for (struct listener *l = all->first; l; l = l->next)
		gw_events_pause(all->events, l->fd);
}

static void on_connection(struct gw_source *source)
{
	struct listener *l = (struct listener *)source;
	struct gw_listeners *all = l->all;
	for (int i = 0; i < ACCEPT_BATCH && !all->stopped && !all->accept_at; i++) {
		int fd;
		enum gw_status status = gw_transport_accept(l->fd, &fd);
		if (status == GW_ERR_NOT_FOUND)
			return;
		if (status) {
			pause_all(all, errno);
			return;
		}
		all->failed = false;
		all->take(all->user, fd, &l->ep, &l->terms);
	}
}

static struct listener *add(struct gw_listeners *all, const struct gw_terms *terms)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->source.ready = on_connection;
	l->all = all;
	l->terms = *terms;
	return l;
}

static void link_in(struct gw_listeners *all, struct listener *l)
{
	l->next = all->first;
	all->first = l;
}

enum gw_status gw_listeners_open(struct gw_listeners *all, const struct gw_endpoint *ep, const struct gw_terms *terms,
	struct gw_endpoint *bound, struct gw_error *err)
{
	struct listener *l = add(all, terms);
	if (!l)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status status = gw_transport_listen(ep, BACKLOG, &l->fd, &l->ep, err);
	if (status) {
		free(l);
		return status;
	}
	if (ep->kind->has_file)
		lstat(ep->host, &l->file);
	link_in(all, l);
	*bound = l->ep;
	return GW_OK;
}

enum gw_status gw_listeners_adopt(struct gw_listeners *all, int fd, const struct gw_endpoint *ep,
	const struct gw_terms *terms, struct gw_error *err)
{
	struct listener *l = add(all, terms);
	if (!l) {
		close(fd);
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	l->fd = fd;
	l->ep = *ep;
	link_in(all, l);
	return GW_OK;
}

enum gw_status gw_listeners_watch(struct gw_listeners *all, int events, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	all->events = events;
	for (struct listener *l = all->first; l && !status; l = l->next)
		status = gw_events_add(events, l->fd, &l->source, err);
	return status;
}

void gw_listeners_stop(struct gw_listeners *all)
{
	all->stopped = true;
}

uint64_t gw_listeners_deadline(const struct gw_listeners *all)
{
	return all && all->accept_at ? all->accept_at : GW_CLOCK_NEVER;
}

void gw_listeners_tick(struct gw_listeners *all)
{
	if (!all || !all->accept_at || gw_clock_ns() < all->accept_at)
		return;
	all->accept_at = 0;
	for (struct listener *l = all->first; l; l = l->next)
		gw_events_resume(all->events, l->fd, &l->source);
}
