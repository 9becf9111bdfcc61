#ifdef GGWIRE_HTTP

#include "daemon/status/microhttpd.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/library.h"

static const struct gw_symbol symbols[] = {
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

static const struct gw_library library = {
	.file = "libmicrohttpd.so.12",
	.remedy = "install libmicrohttpd12",
	.symbols = symbols,
	.n = sizeof(symbols) / sizeof(symbols[0]),
};

static struct gw_microhttpd microhttpd;
static bool loaded;

enum gw_status gw_microhttpd_get(const struct gw_microhttpd **out, struct gw_error *err)
{
	enum gw_status status = loaded ? GW_OK : gw_library_load(&library, &microhttpd, err);
	if (status)
		return status;
	loaded = true;
	*out = &microhttpd;
	return GW_OK;
}

#endif
