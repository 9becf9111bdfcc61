/* RDMA pairs for the conformance suite. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "transport/fake_verbs.h"
#include "transport/pairs.h"
#include "transport/rdma_link.h"

static bool started;

/* chunk is 1 for the ggwire path; endpoint is the spin time. */
static bool make(const struct pair_kind *kind, struct pair *pair)
{
	struct gw_error err;
	if (!started) {
		gw_log_set_level(GW_LOG_WARN);
		fake_start();
		fake_usual();
		started = true;
	}
	setenv("GGML_RPC_SPIN_US", kind->endpoint, 1);
	pair->bulk = 8 << 20;
	if (!link_rdma(kind->chunk ? &gw_rdma_ggwire_path : &gw_rdma_stock_path, &pair->a, &pair->b, &err))
		return true;
	fprintf(stderr, "%s\n", err.text);
	abort();
}

const struct pair_kind pair_kinds[] = {
	{"rdma, stock path", make, "50", 0},
	{"rdma, stock path, no spinning", make, "0", 0},
	{"rdma, ggwire path", make, "50", 1},
	{"rdma, ggwire path, no spinning", make, "0", 1},
};
const size_t n_pair_kinds = sizeof(pair_kinds) / sizeof(pair_kinds[0]);

int pairs_end(void)
{
	return (int)fake_stop();
}
