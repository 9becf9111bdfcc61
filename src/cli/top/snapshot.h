/* What a server is doing at one moment, as far as it says. */
#ifndef GW_CLI_TOP_SNAPSHOT_H
#define GW_CLI_TOP_SNAPSHOT_H

#include <stdbool.h>

#include "cli/query.h"
#include "wire/ext_status.h"

struct gw_snapshot {
	bool complete; /* otherwise the server only says what devices it has, and why says so */
	struct gw_ext_status status;
	struct gw_error why;
	struct gw_query_about about;
};

/* Asks the server. *out is freed with gw_snapshot_free. */
enum gw_status gw_snapshot_take(struct gw_client *c, struct gw_snapshot *out, struct gw_error *err);
void gw_snapshot_free(struct gw_snapshot *s);

/* The members "endpoint" and "server" of an object, and what the server reports of itself: everything if it is
 * complete, otherwise its devices. */
void gw_snapshot_json(struct gw_json *j, const char *endpoint, const struct gw_query_about *about,
	const struct gw_ext_status *status, bool complete);

#endif
