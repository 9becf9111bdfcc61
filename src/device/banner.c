#include "device/banner.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

struct output {
	gw_banner_line line;
	void *user;
};

static void put(const struct output *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(const struct output *o, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->line(text, o->user);
}

void gw_banner_print(const struct gw_banner *banner, gw_banner_line line, void *user)
{
	const struct output o = {line, user};
	const struct gw_version *v = &banner->version;

	put(&o, "Starting RPC server v%u.%u.%u", v->major, v->minor, v->patch);
	put(&o, "  endpoint       : %s", banner->endpoint);
	put(&o, "  local cache    : %s", banner->cache_dir ? banner->cache_dir : "n/a");
	put(&o, "Devices:");
	for (size_t i = 0; i < banner->n_devices; i++) {
		const struct gw_banner_device *d = &banner->devices[i];
		put(&o, "  %s: %s (%" PRIu64 " MiB, %" PRIu64 " MiB free)", d->name, d->description, d->total >> 20,
			d->free >> 20);
	}
	put(&o, "  transport      : %s", banner->transport);
}

void gw_banner_log(const char *line, void *user)
{
	(void)user;
	gw_log_info("%s", line);
}
