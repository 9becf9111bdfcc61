/* A decorator that counts calls and records the elements of sends. */
#ifndef GW_TESTS_SESSION_COUNTER_H
#define GW_TESTS_SESSION_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "transport/transport.h"

#define COUNTER_LENGTHS 4096

struct counter {
	struct gw_transport base;
	struct gw_transport_ops ops;
	struct gw_transport *inner;
	size_t sends;
	size_t receives;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	size_t lengths[COUNTER_LENGTHS]; /* lengths of the elements of all sends */
	size_t n_lengths;
};

/* Wraps inner, which the counter then owns. Closing the counter does not free it. */
struct gw_transport *counter_wrap(struct counter *counter, struct gw_transport *inner, bool keeps_boundaries);

#endif
