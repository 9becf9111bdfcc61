#include "cli/top/ask_status.h"

static enum gw_status refuse(const struct gw_ask_server *server, struct gw_error *err)
{
	if (server->version[0])
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "ggwire %s does not tell what it is doing: it is too old",
			server->version);
	return gw_error_set(err, GW_ERR_UNSUPPORTED,
		"this is a stock server: only ggwire servers tell who uses them and what they are doing");
}

enum gw_status gw_ask_status(
	struct gw_visit *v, const struct gw_ask_server *server, struct gw_ext_status *out, struct gw_error *err)
{
	struct gw_buf reply = {0};
	if (!(server->flags & GW_EXT_SERVER_STATUS))
		return refuse(server, err);
	gw_visit_begin(v);
	enum gw_status status = gw_client_call_var(v->client, GW_CMD_EXT_STATUS, NULL, 0, &reply, GW_EXT_STATUS_MAX);
	gw_visit_end(v);
	if (!status)
		status = gw_ext_status_decode(reply.data, reply.len, out);
	gw_buf_free(&reply);
	return status ? gw_visit_explain(v, status, err) : GW_OK;
}
