#include "daemon/workers/links.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/processes/control.h"

static void forget(struct gw_links_wait *w)
{
	close(w->answer);
	*w = (struct gw_links_wait){0};
}

static enum gw_status find_place(
	struct gw_links *l, const void *worker, struct gw_links_wait **out, struct gw_error *err)
{
	size_t n_own = 0;
	*out = NULL;
	for (size_t i = 0; i < GW_LINKS_MAX; i++) {
		n_own += l->waits[i].worker == worker;
		if (!l->waits[i].worker)
			*out = &l->waits[i];
	}
	if (!*out || n_own >= GW_LINKS_PER_WORKER)
		return gw_error_set(
			err, GW_ERR_LIMIT, "%s expects too many links already", *out ? "this client" : "this server");
	return GW_OK;
}

enum gw_status gw_links_expect(struct gw_links *l, const void *worker, bool tls, const uint8_t secret[GW_PEERS_SECRET],
	int *answer, struct gw_error *err)
{
	struct gw_links_wait *w;
	int ours;
	gw_links_tick(l);
	enum gw_status status = find_place(l, worker, &w, err);
	if (!status)
		status = gw_control_pair(&ours, answer, err);
	if (status)
		return status;
	*w = (struct gw_links_wait){
		.worker = worker, .tls = tls, .until = gw_clock_ns() + GW_LINKS_MS * GW_NS_PER_MS, .answer = ours};
	memcpy(w->secret, secret, sizeof(w->secret));
	return GW_OK;
}

bool gw_links_match(struct gw_links *l, const uint8_t secret[GW_PEERS_SECRET], bool needs_tls, int fd)
{
	const struct gw_control_msg msg = {.type = GW_CONTROL_PAIRED};
	struct gw_links_wait *found = NULL;
	gw_links_tick(l);
	for (size_t i = 0; i < GW_LINKS_MAX; i++) {
		bool same = gw_peers_is_same(l->waits[i].secret, secret);
		if (same && l->waits[i].worker && l->waits[i].tls >= needs_tls)
			found = &l->waits[i];
	}
	if (!found)
		return false;
	bool passed = gw_control_send(found->answer, false, &msg, fd, NULL) == GW_OK;
	forget(found);
	return passed;
}

void gw_links_drop(struct gw_links *l, const void *worker)
{
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		if (l->waits[i].worker == worker)
			forget(&l->waits[i]);
}

uint64_t gw_links_deadline(const struct gw_links *l)
{
	uint64_t at = GW_CLOCK_NEVER;
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		if (l->waits[i].worker && l->waits[i].until < at)
			at = l->waits[i].until;
	return at;
}

void gw_links_tick(struct gw_links *l)
{
	uint64_t now = gw_clock_ns();
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		if (l->waits[i].worker && l->waits[i].until <= now)
			forget(&l->waits[i]);
}

void gw_links_stop(struct gw_links *l)
{
	for (size_t i = 0; i < GW_LINKS_MAX; i++)
		if (l->waits[i].worker)
			forget(&l->waits[i]);
}
