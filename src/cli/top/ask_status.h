/* Asking a server what it is doing. */
#ifndef GW_CLI_TOP_ASK_STATUS_H
#define GW_CLI_TOP_ASK_STATUS_H

#include "cli/ask.h"
#include "cli/visit.h"
#include "wire/ext_status.h"

/* Blocks. GW_ERR_UNSUPPORTED without asking if the server's flags say that it does not tell. *out is freed with
 * gw_ext_status_free. */
enum gw_status gw_ask_status(
	struct gw_visit *v, const struct gw_ask_server *server, struct gw_ext_status *out, struct gw_error *err);

#endif
