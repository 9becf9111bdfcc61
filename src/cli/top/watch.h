/* Watching one server: a thread that polls it, and connects again when the connection is lost. */
#ifndef GW_CLI_TOP_WATCH_H
#define GW_CLI_TOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/query.h"
#include "cli/verb_client.h"
#include "wire/ext_status.h"

struct gw_watch;

struct gw_watch_wish {
	struct gw_verb_target target; /* the endpoint is lent */
	uint64_t interval_ns;
};

/* What was heard last; a copy, freed with gw_watch_free_view. */
struct gw_watch_view {
	bool reached; /* the rest is from the last answer */
	bool told;    /* status is whole; otherwise it has the devices alone */
	bool has_before;
	struct gw_query_about about;
	char why[sizeof(((struct gw_error *)0)->text)]; /* why it was not reached, or does not tell; "" = nothing yet */
	struct gw_ext_status status, before;            /* the last answer, and the one before */
};

/* Starts the thread. GW_ERR_NOMEM, GW_ERR_SYSTEM. */
enum gw_status gw_watch_start(const struct gw_watch_wish *wish, struct gw_watch **out, struct gw_error *err);

/* Copies what is known now. GW_ERR_NOMEM. */
enum gw_status gw_watch_look(struct gw_watch *w, struct gw_watch_view *view);
void gw_watch_free_view(struct gw_watch_view *view);

/* One answer, without a thread: connects, asks and leaves. */
void gw_watch_once(const struct gw_watch_wish *wish, struct gw_watch_view *view);

#endif
