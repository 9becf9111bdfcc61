#ifdef GGWIRE_AVAHI

#include "discovery/avahi.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

#include "base/library.h"

#define REMEDY "install libavahi-client3 and avahi-daemon"
#define CALL(name)                                              \
	{                                                       \
		offsetof(struct gw_avahi, name), "avahi_" #name \
	}

static const struct gw_symbol common[] = {
	CALL(simple_poll_new),
	CALL(simple_poll_free),
	CALL(simple_poll_get),
	CALL(simple_poll_iterate),
	CALL(strerror),
	CALL(string_list_add_pair),
	CALL(string_list_free),
	CALL(alternative_service_name),
	CALL(free),
};
static const struct gw_symbol client[] = {
	CALL(client_new),
	CALL(client_free),
	CALL(client_errno),
	CALL(client_get_host_name),
	CALL(service_browser_new),
	CALL(service_resolver_new),
	CALL(service_resolver_free),
	CALL(entry_group_new),
	CALL(entry_group_free),
	CALL(entry_group_add_service_strlst),
	CALL(entry_group_commit),
	CALL(entry_group_reset),
};
#define N_COMMON (sizeof(common) / sizeof(common[0]))
#define N_CLIENT (sizeof(client) / sizeof(client[0]))
static_assert((N_COMMON + N_CLIENT) * sizeof(void *) == sizeof(struct gw_avahi), "every call is loaded");

static const struct gw_library libraries[] = {
	{.file = "libavahi-common.so.3", .remedy = REMEDY, .symbols = common, .n = N_COMMON},
	{.file = "libavahi-client.so.3", .remedy = REMEDY, .symbols = client, .n = N_CLIENT},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gw_avahi avahi;
static struct gw_error failure;

static void load(void)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && !failure.status; i++)
		failure.status = gw_library_load(&libraries[i], &avahi, &failure);
}

enum gw_status gw_avahi_get(const struct gw_avahi **out, struct gw_error *err)
{
	pthread_once(&once, load);
	if (failure.status) {
		if (err)
			*err = failure;
		return failure.status;
	}
	*out = &avahi;
	return GW_OK;
}

#endif
