/* Weights, or any data before protocol 7.0, that the server may have kept from an earlier time. */
#ifndef GW_BACKEND_WEIGHTS_H
#define GW_BACKEND_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/buffer.h"
#include "wire/message.h"

/* Asks the server for data by its hash, and sends it for keeping where it has not got it. False, with nothing done, if
 * the data is too short for that or if the server keeps nothing. Blocks. */
bool gw_weights_set(struct gw_buffer *buffer, const struct gw_wire_set_req *where, const void *data, size_t size);

#endif
