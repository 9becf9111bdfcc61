/* The lines with which a server says what it serves: the stock server's, which users and scripts know. */
#ifndef GW_DEVICE_BANNER_H
#define GW_DEVICE_BANNER_H

#include <stddef.h>
#include <stdint.h>

#include "wire/dialect.h"

struct gw_banner_device {
	const char *name;
	const char *description;
	uint64_t total; /* bytes */
	uint64_t free;  /* bytes */
};

struct gw_banner {
	struct gw_version version;
	const char *endpoint;
	const char *cache_dir; /* NULL = no cache */
	const char *transport; /* "TCP", "TCP (RDMA auto-negotiate enabled)" */
	const struct gw_banner_device *devices;
	size_t n_devices;
};

/* Receives one line without its newline. */
typedef void (*gw_banner_line)(const char *line, void *user);

/* Hands the banner to line, one line at a time; longer lines are cut at 512 bytes. */
void gw_banner_print(const struct gw_banner *banner, gw_banner_line line, void *user);

/* Logs a line at level INFO: a gw_banner_line. */
void gw_banner_log(const char *line, void *user);

#define GW_BANNER_ACCEPTED "Accepted client connection"
#define GW_BANNER_CLOSED "Client connection closed"

#endif
