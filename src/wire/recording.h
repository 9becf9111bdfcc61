/* Reads a recorded conversation (tests/golden/README.md) and cuts it into requests with their replies. */
#ifndef GW_WIRE_RECORDING_H
#define GW_WIRE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "wire/dialect.h"

enum gw_recording_direction {
	GW_RECORDING_CLIENT, /* from the client to the server */
	GW_RECORDING_SERVER,
	GW_RECORDING_DIRECTIONS,
};

struct gw_recording {
	uint8_t *bytes[GW_RECORDING_DIRECTIONS]; /* owned: all that went in one direction */
	size_t size[GW_RECORDING_DIRECTIONS];
	size_t at[GW_RECORDING_DIRECTIONS]; /* how far gw_recording_next has come */
};

struct gw_exchange {
	unsigned cmd;
	const uint8_t *request; /* the body; belongs to the recording */
	size_t request_size;
	enum gw_reply answered;
	const uint8_t *reply; /* the body, if answered is not GW_REPLY_NONE */
	size_t reply_size;
};

/* Reads a file. One that ends inside a record, because its recorder was killed for example, is taken as far as it goes,
 * and *cut is set. GW_ERR_SYSTEM: it cannot be read; GW_ERR_INVALID: it is no recording, or is damaged; GW_ERR_NOMEM.
 * The error does not name the file. */
enum gw_status gw_recording_open(struct gw_recording *recording, const char *path, bool *cut, struct gw_error *err);

/* The same for whole recordings: false for anything else. */
bool gw_recording_load(struct gw_recording *recording, const char *path);
void gw_recording_free(struct gw_recording *recording);

enum gw_recording_step {
	GW_RECORDING_EXCHANGE, /* *exchange is filled */
	GW_RECORDING_END,      /* both directions are read to their last byte */
	GW_RECORDING_BAD,      /* a message is cut, or there are replies without a request */
};

/* The next request, and its reply as the dialect has it. */
enum gw_recording_step gw_recording_next(
	struct gw_recording *recording, const struct gw_dialect *dialect, struct gw_exchange *exchange);

#endif
