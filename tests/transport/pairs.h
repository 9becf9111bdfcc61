/* Connected pairs of every transport, for the conformance suite. */
#ifndef GW_TESTS_TRANSPORT_PAIRS_H
#define GW_TESTS_TRANSPORT_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/transport.h"

struct pair {
	struct gw_transport *a;
	struct gw_transport *b;
	size_t bulk; /* bytes for tests of large transfers */
};

struct pair_kind {
	const char *name;
	/* Returns false if this machine lacks the transport. */
	bool (*make)(const struct pair_kind *kind, struct pair *pair);
	const char *endpoint; /* endpoint of the listener */
	size_t chunk;
};

extern const struct pair_kind pair_kinds[];
extern const size_t n_pair_kinds;

/* Call after the last pair. Returns the number of errors that tests cannot see. */
int pairs_end(void);

#endif
