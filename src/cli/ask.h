/* Questions to a server, in messages that every server understands, or in ggwire's where it does. All block, and fail
 * when the visit ends; the error is what to tell the user. */
#ifndef GW_CLI_ASK_H
#define GW_CLI_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "cli/visit.h"
#include "wire/extension.h"

struct gw_ask_device {
	char name[GW_EXT_TEXT]; /* "" where the server does not tell, as stock ones do not */
	char description[GW_EXT_TEXT];
	uint64_t free, total; /* bytes */
};

struct gw_ask_server {
	char version[GW_EXT_TEXT]; /* of ggwire; "" for a stock server */
	uint32_t flags;            /* GW_EXT_SERVER_... */
	uint32_t n_devices;
	struct gw_ask_device *devices;
};

/* All but the memory. The texts are as the server sent them. *out is freed with gw_ask_server_free. */
enum gw_status gw_ask_server(struct gw_visit *v, struct gw_ask_server *out, struct gw_error *err);

/* The memory of its devices, which may cost the server a context on each. */
enum gw_status gw_ask_memory(struct gw_visit *v, struct gw_ask_server *server, struct gw_error *err);
void gw_ask_server_free(struct gw_ask_server *server);

/* One round trip with next to nothing in it. */
enum gw_status gw_ask_nothing(struct gw_visit *v, struct gw_error *err);

/* What a verb says of a server in one line: "ggwire 0.1.0, protocol 8.0.0"; with its transport, "..., TCP". */
#define GW_ASK_TEXT 256
const char *gw_ask_kind_text(const struct gw_visit *v, const char *version, char out[GW_ASK_TEXT]);
const char *gw_ask_server_text(const struct gw_visit *v, const char *version, char out[GW_ASK_TEXT]);

/* The members "endpoint", "peer", "protocol", "ggwire", "transport" and "why_not_rdma" of an object. */
void gw_ask_server_json(struct gw_json *j, const struct gw_visit *v, const char *version);

#endif
