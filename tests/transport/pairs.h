/* Connected pairs of every transport, for the suite that all must pass. */
#ifndef GW_TESTS_TRANSPORT_PAIRS_H
#define GW_TESTS_TRANSPORT_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/transport.h"

struct pair {
	struct gw_transport *a;
	struct gw_transport *b;
	size_t bulk; /* bytes that a test of large transfers should move */
};

struct pair_kind {
	const char *name;
	/* False if the machine does not have it. */
	bool (*make)(const struct pair_kind *kind, struct pair *pair);
	const char *endpoint; /* to listen on */
	size_t chunk;
};

extern const struct pair_kind pair_kinds[];
extern const size_t n_pair_kinds;

/* After the last pair. Returns what went wrong that no test can see: 0 is nothing. */
int pairs_end(void);

#endif
