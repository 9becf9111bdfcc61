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

/* What is known of a server, also after its connection has ended. */
struct gw_query_about {
	char text[GW_QUERY_TEXT];   /* gw_query_server_text */
	char version[GW_EXT_TEXT];  /* of ggwire; "" for a stock server */
	struct gw_version protocol; /* that it announces */
	struct gw_version dialect;  /* that is in use */
	bool is_ggwire;
	char peer[sizeof(((struct gw_transport *)0)->peer)];
	const char *transport; /* static storage */
	struct gw_error why_not_rdma;
};

void gw_query_about(const struct gw_client *c, const struct gw_query *q, struct gw_query_about *out);

/* The members "endpoint" and "server" of an object, which are the same for all verbs. about NULL: the server has not
 * answered, and "server" is null. */
void gw_query_server_json(struct gw_json *j, const char *endpoint, const struct gw_query_about *about);

/* The same with "server" still open, for more members and gw_json_object_end. about is not NULL. */
void gw_query_server_json_begin(struct gw_json *j, const char *endpoint, const struct gw_query_about *about);

#endif
