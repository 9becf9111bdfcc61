#include "backend/comm.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "backend/comm_kind.h"
#include "backend/group.h"
#include "backend/pair.h"
#include "base/log.h"

static struct gw_comm *open_any(ggml_backend_t *backends, size_t n)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	struct gw_error why;
	struct gw_comm *c = gw_group_new(backends, n, &why);
	if (!c && n == 2)
		return gw_pair_new(backends, n);
	if (!c && n > 2 && !atomic_flag_test_and_set(&told))
		gw_log_warn("RPC: %zu devices are not connected to each other, so sums go through this client, which "
			    "is slower: %s",
			n, why.text);
	return c;
}

void *gw_comm_init(ggml_backend_t *backends, size_t n)
{
	return getenv("GGML_RPC_NO_COMM") ? NULL : open_any(backends, n);
}

void gw_comm_free(void *comm)
{
	struct gw_comm *c = comm;
	c->free(c);
}

bool gw_comm_allreduce(void *comm, struct ggml_tensor **tensors)
{
	struct gw_comm *c = comm;
	return c->allreduce(c, tensors);
}
