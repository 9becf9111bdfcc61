#include "daemon/workers/briefs.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void remove_at(struct gw_briefs *b, size_t i)
{
	memmove(&b->hosts[i], &b->hosts[i + 1], (b->n - i - 1) * sizeof(b->hosts[0]));
	b->n--;
}

static void log_oldest(struct gw_briefs *b)
{
	const struct gw_brief *h = &b->hosts[0];
	const struct gw_log_fields fields = {.client = h->client};
	if (h->n == 1)
		gw_log_event(GW_LOG_INFO, &fields, "client %s only queried the server", h->client);
	else
		gw_log_event(GW_LOG_INFO, &fields,
			"client %s and %u more connections from its host only queried the server", h->client, h->n - 1);
	remove_at(b, 0);
}

static struct gw_brief *find(struct gw_briefs *b, const struct gw_host *host)
{
	for (size_t i = 0; i < b->n; i++)
		if (gw_host_is_same(&b->hosts[i].host, host))
			return &b->hosts[i];
	return NULL;
}

void gw_briefs_add(struct gw_briefs *b, const struct gw_host *host, const char *client)
{
	struct gw_brief *h = find(b, host);
	if (!h) {
		if (b->n == GW_BRIEFS_HOSTS)
			log_oldest(b);
		h = &b->hosts[b->n++];
		*h = (struct gw_brief){.host = *host, .until = gw_clock_ns() + GW_BRIEFS_NS};
		snprintf(h->client, sizeof(h->client), "%s", client);
	}
	h->n++;
}

unsigned gw_briefs_take(struct gw_briefs *b, const struct gw_host *host)
{
	const struct gw_brief *h = find(b, host);
	unsigned n = h ? h->n : 0;
	if (h)
		remove_at(b, (size_t)(h - b->hosts));
	return n;
}

uint64_t gw_briefs_deadline(const struct gw_briefs *b)
{
	return b->n > 0 ? b->hosts[0].until : UINT64_MAX;
}

void gw_briefs_tick(struct gw_briefs *b)
{
	while (gw_briefs_deadline(b) <= gw_clock_ns())
		log_oldest(b);
}

void gw_briefs_flush(struct gw_briefs *b)
{
	while (b->n > 0)
		log_oldest(b);
}
