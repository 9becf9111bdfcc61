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

/* The codec of a command's request (of SET_TENSOR and SET_TENSOR_2D: the part before the data), or NULL for
 * GRAPH_COMPUTE, for requests without a body, and for commands that do not exist. */
const struct codec *codec_of_request(unsigned cmd);

/* The codec of a command's reply, or NULL if it has none or is plain data. */
const struct codec *codec_of_reply(unsigned cmd);

/* A dialect of protocol 4.0.0, made of data alone. */
extern const struct gw_dialect codec_dialect_4_0;

#endif
