/* Announces servers by DNS-SD as "_llama-rpc._tcp", through avahi-daemon. */
#ifndef GW_DISCOVERY_PUBLISH_H
#define GW_DISCOVERY_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define GW_PUBLISH_MAX 16

/* One endpoint. */
struct gw_publish_service {
	uint32_t port;
	uint32_t interface; /* whose addresses are announced; 0 = all */
	uint32_t family;    /* AF_INET, AF_INET6; AF_UNSPEC = both */
	char protocol[16];  /* "8.0.0" */
	char tls[16];       /* "off", "on", "require" */
};

struct gw_publication {
	struct gw_publish_service services[GW_PUBLISH_MAX];
	uint32_t n;
	uint32_t devices;
	uint64_t memory; /* bytes that are free on all devices */
	uint32_t rdma;   /* clients can use it */
};

/* Announces until control, a descriptor, is readable: GW_OK. Sleeps meanwhile, and announces again when avahi-daemon
 * was restarted. Calls connected once, when no more files and sockets are needed; its error ends this.
 * GW_ERR_NOT_FOUND: there is no D-Bus or no library; GW_ERR_SYSTEM: D-Bus has gone; GW_ERR_UNSUPPORTED: this build has
 * no discovery. One thread. */
enum gw_status gw_publish_run(const struct gw_publication *p, int control,
	enum gw_status (*connected)(void *user, struct gw_error *err), void *user, struct gw_error *err);

/* Whether this build can announce; otherwise the error says so. */
enum gw_status gw_publish_check(struct gw_error *err);

#endif
