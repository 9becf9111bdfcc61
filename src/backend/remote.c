#include "backend/remote.h"

#include <stdlib.h>
#include <string.h>

#include "backend/link.h"
#include "base/clock.h"
#include "base/log.h"

#define RETRY_MS 1000

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
	gw_answers_init(&remote->alloc_sizes);
	gw_answers_init(&remote->supported);
	pthread_mutex_init(&remote->lock, NULL);
	return remote;
}

void gw_remote_free(struct gw_remote *remote)
{
	if (remote->link)
		gw_link_free(remote->link);
	gw_answers_clear(&remote->alloc_sizes);
	gw_answers_clear(&remote->supported);
	pthread_mutex_destroy(&remote->lock);
	free(remote->endpoint);
	free(remote);
}

/* Takes the reference of the remote away; the caller closes the result, if any, without the lock. */
static struct gw_link *detach_locked(struct gw_remote *remote)
{
	struct gw_link *link = remote->link;

	remote->link = NULL;
	return link && --link->refs == 0 ? link : NULL;
}

static enum gw_status open_locked(struct gw_remote *remote)
{
	struct gw_client *client;
	struct gw_error err = {0};

	if (gw_clock_ns() < remote->retry_at_ns)
		return GW_ERR_LOST;
	enum gw_status status = remote->dial(remote->dial_user, remote->endpoint, &client, &err);
	if (status == GW_OK)
		status = gw_link_new(remote, client, &remote->link, &err);
	if (status != GW_OK) {
		gw_log_error("RPC: %s", err.text);
		remote->retry_at_ns = gw_clock_deadline(RETRY_MS);
		return status;
	}
	remote->link->refs = 1;
	return GW_OK;
}

static enum gw_status acquire(struct gw_remote *remote, bool replace_lost, struct gw_link **out)
{
	struct gw_link *dead = NULL;
	enum gw_status status = GW_OK;

	pthread_mutex_lock(&remote->lock);
	if (remote->link && replace_lost && gw_client_lost(remote->link->client)) {
		dead = detach_locked(remote);
		gw_answers_clear(&remote->alloc_sizes);
		gw_answers_clear(&remote->supported);
	}
	if (!remote->link)
		status = open_locked(remote);
	if (status == GW_OK) {
		remote->link->refs++;
		*out = remote->link;
	}
	pthread_mutex_unlock(&remote->lock);
	if (dead)
		gw_link_free(dead);
	return status;
}

enum gw_status gw_remote_connect(struct gw_remote *remote, struct gw_link **out)
{
	return acquire(remote, true, out);
}

enum gw_status gw_remote_current(struct gw_remote *remote, struct gw_link **out)
{
	return acquire(remote, false, out);
}

void gw_link_ref(struct gw_link *link)
{
	pthread_mutex_lock(&link->remote->lock);
	link->refs++;
	pthread_mutex_unlock(&link->remote->lock);
}

void gw_link_use(struct gw_link *link)
{
	pthread_mutex_lock(&link->remote->lock);
	link->used = true;
	pthread_mutex_unlock(&link->remote->lock);
}

void gw_link_put(struct gw_link *link)
{
	struct gw_remote *remote = link->remote;
	struct gw_link *last = NULL;

	pthread_mutex_lock(&remote->lock);
	if (--link->refs == 0)
		last = link;
	else if (link->refs == 1 && link->used && remote->link == link)
		last = detach_locked(remote);
	pthread_mutex_unlock(&remote->lock);
	if (last)
		gw_link_free(last);
}
