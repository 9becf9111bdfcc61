/* Serving from inside a program that has the devices' handles already: ggml_backend_rpc_start_server(). */
#ifndef GW_DEVICE_INPROC_H
#define GW_DEVICE_INPROC_H

#include "base/status.h"
#include "device/banner.h"
#include "device/server.h"

/* Most clients served at once; more are turned away. */
#define GW_INPROC_CLIENTS 64

/* Listens on the endpoint, prints the banner, and serves every client in a thread of its own, for ever. Returns only
 * if it cannot begin to serve, or can no longer accept; *err says why. cache_dir is where the cache is (NULL: there is
 * none), of which each trust domain has its own part (device/weights/cache_store.h). line receives the banner and a
 * line for each client that comes or goes, from any thread (NULL: gw_banner_log). */
enum gw_status gw_server_run_inproc(const char *endpoint, const struct gw_server_options *options,
	const char *cache_dir, gw_banner_line line, void *user, struct gw_error *err);

#endif
