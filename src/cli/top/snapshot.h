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
	char version[GW_EXT_TEXT]; /* of ggwire; "" for a stock server */
	char what[GW_QUERY_TEXT];  /* the server in words */
};

/* Asks the server. *out is freed with gw_snapshot_free. */
enum gw_status gw_snapshot_take(struct gw_client *c, struct gw_snapshot *out, struct gw_error *err);
void gw_snapshot_free(struct gw_snapshot *s);

#endif
