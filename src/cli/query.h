/* What a server is and has, and how verbs show it. */
#ifndef GW_CLI_QUERY_H
#define GW_CLI_QUERY_H

#include "base/json.h"
#include "base/status.h"
#include "rpc/commands.h"

struct gw_query {
	struct gw_ext_info info;
	struct gw_wire_memory_rsp *memory; /* info.n_devices; NULL before gw_query_memory */
};

/* Asks a server. Texts are as it sent them. *out is freed with gw_query_free. */
enum gw_status gw_query_server(struct gw_client *c, struct gw_query *out, struct gw_error *err);
void gw_query_free(struct gw_query *q);

/* Asks for the memory of its devices, which may cost it a context on each. */
enum gw_status gw_query_memory(struct gw_client *c, struct gw_query *q, struct gw_error *err);

/* How a device is shown to people: its description, or its name, or "" for those of a stock server. */
const char *gw_query_device_text(const struct gw_ext_device *device);

/* A server in one line: "ggwire 0.1.0, protocol 8.0.0"; with its transport: "..., TCP". */
#define GW_QUERY_TEXT 256
const char *gw_query_kind_text(const struct gw_client *c, const struct gw_query *q, char out[GW_QUERY_TEXT]);
const char *gw_query_server_text(const struct gw_client *c, const struct gw_query *q, char out[GW_QUERY_TEXT]);

/* The members "endpoint", "peer", "protocol", "dialect", "ggwire", "version", "transport" and "why_not_rdma" of an
 * object. version may be empty. */
void gw_query_server_json(struct gw_json *j, const struct gw_client *c, const char *version);

#endif
