/* What a server says when it starts, in the stock server's words: scripts read it. */
#ifndef GW_SERVER_BANNER_H
#define GW_SERVER_BANNER_H

#include <stddef.h>
#include <stdint.h>

#include "wire/dialect.h"

struct gw_banner_device {
	const char *name;
	const char *description;
	uint64_t total; /* bytes */
	uint64_t free;
};

struct gw_banner {
	struct gw_version version;
	const char *const *endpoints; /* as users write them, with real ports */
	size_t n_endpoints;
	const char *cache_dir; /* NULL = none */
	const struct gw_banner_device *devices;
	size_t n_devices;
};

/* Logs the banner, line by line. */
void gw_banner_log(const struct gw_banner *banner);

#endif
