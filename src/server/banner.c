#include "server/banner.h"

#include <inttypes.h>

#include "base/log.h"

#define MIB (UINT64_C(1024) * 1024)

static void log_device(const struct gw_banner_device *d)
{
	gw_log_info("  %s: %s (%" PRIu64 " MiB, %" PRIu64 " MiB free)", d->name, d->description, d->total / MIB,
		d->free / MIB);
}

void gw_banner_log(const struct gw_banner *banner)
{
	const struct gw_version *v = &banner->version;
	gw_log_info("Starting RPC server v%u.%u.%u", v->major, v->minor, v->patch);
	for (size_t i = 0; i < banner->n_endpoints; i++)
		gw_log_info("  endpoint       : %s", banner->endpoints[i]);
	gw_log_info("  local cache    : %s", banner->cache_dir ? banner->cache_dir : "n/a");
	gw_log_info("Devices:");
	for (size_t i = 0; i < banner->n_devices; i++)
		log_device(&banner->devices[i]);
	gw_log_info("  transport      : TCP");
}
