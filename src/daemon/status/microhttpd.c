#ifdef GGWIRE_HTTP

#include "daemon/status/microhttpd.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libmicrohttpd.so.12"

static const struct symbol {
	size_t offset;
	const char *name;
} symbols[] = {
	{offsetof(struct gw_microhttpd, start_daemon), "MHD_start_daemon"},
	{offsetof(struct gw_microhttpd, stop_daemon), "MHD_stop_daemon"},
	{offsetof(struct gw_microhttpd, run), "MHD_run"},
	{offsetof(struct gw_microhttpd, add_connection), "MHD_add_connection"},
	{offsetof(struct gw_microhttpd, get_timeout), "MHD_get_timeout"},
	{offsetof(struct gw_microhttpd, get_daemon_info), "MHD_get_daemon_info"},
	{offsetof(struct gw_microhttpd, get_connection_info), "MHD_get_connection_info"},
	{offsetof(struct gw_microhttpd, lookup_connection_value), "MHD_lookup_connection_value"},
	{offsetof(struct gw_microhttpd, create_response_from_buffer), "MHD_create_response_from_buffer"},
	{offsetof(struct gw_microhttpd, add_response_header), "MHD_add_response_header"},
	{offsetof(struct gw_microhttpd, queue_response), "MHD_queue_response"},
	{offsetof(struct gw_microhttpd, destroy_response), "MHD_destroy_response"},
};
static_assert(
	sizeof(symbols) / sizeof(symbols[0]) * sizeof(void *) == sizeof(struct gw_microhttpd), "every call is loaded");

static struct gw_microhttpd library;
static bool loaded;

enum gw_status gw_microhttpd_get(const struct gw_microhttpd **out, struct gw_error *err)
{
	void *handle = loaded ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!loaded && !handle)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "%s cannot be loaded: install libmicrohttpd", LIBRARY);
	for (size_t i = 0; !loaded && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *f = dlsym(handle, symbols[i].name);
		if (!f) {
			dlclose(handle);
			return gw_error_set(err, GW_ERR_NOT_FOUND, "%s has no %s", LIBRARY, symbols[i].name);
		}
		memcpy((char *)&library + symbols[i].offset, &f, sizeof(f));
	}
	loaded = true;
	*out = &library;
	return GW_OK;
}

#endif
