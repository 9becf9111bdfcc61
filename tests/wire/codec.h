/* The codecs of all fixed-size messages as a table, so that a test can treat every message alike. */
#ifndef GW_TESTS_WIRE_CODEC_H
#define GW_TESTS_WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/dialect.h"

#define CODEC_MAX_OBJECT 4096 /* no message's struct is larger */

struct codec {
	size_t object; /* size of the message's struct */
	size_t (*encode)(const struct gw_dialect *d, const void *message, uint8_t *out);
	bool (*decode)(const struct gw_dialect *d, const void *body, size_t size, void *message);
};

/* The codec of a command's request (for SET_TENSOR and SET_TENSOR_2D: of the part before the data). NULL for
 * GRAPH_COMPUTE, requests without a body, and unknown commands. */
const struct codec *codec_of_request(unsigned cmd);

/* The codec of a command's reply. NULL if it has none or is plain data. */
const struct codec *codec_of_reply(unsigned cmd);

/* A dialect of protocol 4.0.0, defined by data only. */
extern const struct gw_dialect codec_dialect_4_0;

#endif
