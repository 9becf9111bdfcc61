/* In the place of RDMA, where ggwire is built without it. */
#include <stdlib.h>

#include "transport/rdma/rdma.h"

bool gw_rdma_is_built(void)
{
	return false;
}

enum gw_status gw_rdma_library(struct gw_error *why)
{
	return gw_error_set(why, GW_ERR_UNSUPPORTED, "this build has no RDMA");
}

enum gw_status gw_rdma_choose(
	const uint8_t address[16], unsigned kinds, struct gw_rdma_choice *out, struct gw_error *why)
{
	(void)address;
	(void)kinds;
	(void)out;
	return gw_rdma_library(why);
}

bool gw_rdma_address_ok(const struct gw_rdma_address *a)
{
	(void)a;
	return false;
}

enum gw_status gw_rdma_probe(const struct gw_transport *tcp, unsigned kinds, struct gw_rdma **out, struct gw_error *why)
{
	(void)tcp;
	(void)kinds;
	(void)out;
	return gw_error_set(why, GW_ERR_UNSUPPORTED, "this build has no RDMA");
}

/* Without a probe that succeeds there is nothing to call the rest with. */

void gw_rdma_local(const struct gw_rdma *r, enum gw_rdma_path path, struct gw_rdma_address *out)
{
	(void)r;
	(void)path;
	(void)out;
	abort();
}

enum gw_status gw_rdma_activate(
	struct gw_rdma *r, enum gw_rdma_path path, const struct gw_rdma_address *peer, struct gw_error *err)
{
	(void)r;
	(void)path;
	(void)peer;
	(void)err;
	abort();
}

enum gw_status gw_rdma_say(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	(void)r;
	(void)timeout_ms;
	(void)err;
	abort();
}

enum gw_status gw_rdma_hear(struct gw_rdma *r, int timeout_ms, struct gw_error *err)
{
	(void)r;
	(void)timeout_ms;
	(void)err;
	abort();
}

enum gw_status gw_rdma_await_first(
	struct gw_rdma *r, const struct gw_transport *tcp, bool *over_rdma, struct gw_error *err)
{
	(void)r;
	(void)tcp;
	(void)over_rdma;
	(void)err;
	abort();
}

struct gw_transport *gw_rdma_start(struct gw_rdma *r, struct gw_transport *tcp)
{
	(void)r;
	(void)tcp;
	abort();
}

void gw_rdma_free(struct gw_rdma *r)
{
	(void)r;
}
