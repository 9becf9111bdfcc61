/* A transport whose peer is the fuzzer's input: receives return its bytes and then the end, and sends are discarded. */
#ifndef GW_FUZZ_BYTES_H
#define GW_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "transport/transport.h"

/* data must outlive the transport. Never NULL. */
struct gw_transport *bytes_transport(const uint8_t *data, size_t size);

#endif
