/* Reads a recorded conversation (tests/golden/8.0.0/README.md) and cuts it into requests with their replies. */
#ifndef GW_TESTS_WIRE_RECORDING_H
#define GW_TESTS_WIRE_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dialect.h"

enum recording_direction {
	RECORDING_CLIENT, /* from the client to the server */
	RECORDING_SERVER,
	RECORDING_DIRECTIONS,
};

struct recording {
	uint8_t *bytes[RECORDING_DIRECTIONS]; /* owned: all that went in one direction */
	size_t size[RECORDING_DIRECTIONS];
	size_t at[RECORDING_DIRECTIONS]; /* how far recording_next has come */
};

struct exchange {
	unsigned cmd;
	const uint8_t *request; /* the body; belongs to the recording */
	size_t request_size;
	enum gw_reply answered;
	const uint8_t *reply; /* the body, if answered is not GW_REPLY_NONE */
	size_t reply_size;
};

/* False if the file cannot be read or ends inside a record. */
bool recording_load(struct recording *recording, const char *path);
void recording_free(struct recording *recording);

enum recording_step {
	RECORDING_EXCHANGE, /* *exchange is filled */
	RECORDING_END,      /* both directions are read to their last byte */
	RECORDING_BAD,      /* a message is cut, or there are replies without a request */
};

/* The next request, and its reply as the dialect has it. */
enum recording_step recording_next(
	struct recording *recording, const struct gw_dialect *dialect, struct exchange *exchange);

#endif
