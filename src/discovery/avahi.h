/* Avahi's client library, loaded when it is needed. It talks to avahi-daemon over D-Bus. */
#ifndef GW_DISCOVERY_AVAHI_H
#define GW_DISCOVERY_AVAHI_H

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/simple-watch.h>

#include "base/status.h"

/* The type of a service that speaks ggml's RPC protocol. */
#define GW_AVAHI_SERVICE "_llama-rpc._tcp"

/* The calls in use, under their names without avahi_. */
struct gw_avahi {
	/* libavahi-common */
	AvahiSimplePoll *(*simple_poll_new)(void);
	void (*simple_poll_free)(AvahiSimplePoll *poll);
	const AvahiPoll *(*simple_poll_get)(AvahiSimplePoll *poll);
	int (*simple_poll_iterate)(AvahiSimplePoll *poll, int timeout_ms);
	const char *(*strerror)(int error);
	AvahiStringList *(*string_list_add_pair)(AvahiStringList *list, const char *key, const char *value);
	void (*string_list_free)(AvahiStringList *list);
	char *(*alternative_service_name)(const char *name);
	void (*free)(void *p);

	/* libavahi-client */
	AvahiClient *(*client_new)(
		const AvahiPoll *poll, AvahiClientFlags flags, AvahiClientCallback callback, void *user, int *error);
	void (*client_free)(AvahiClient *client);
	int (*client_errno)(AvahiClient *client);
	const char *(*client_get_host_name)(AvahiClient *client);
	AvahiServiceBrowser *(*service_browser_new)(AvahiClient *client, AvahiIfIndex interface, AvahiProtocol protocol,
		const char *type, const char *domain, AvahiLookupFlags flags, AvahiServiceBrowserCallback callback,
		void *user);
	AvahiServiceResolver *(*service_resolver_new)(AvahiClient *client, AvahiIfIndex interface,
		AvahiProtocol protocol, const char *name, const char *type, const char *domain,
		AvahiProtocol address_protocol, AvahiLookupFlags flags, AvahiServiceResolverCallback callback,
		void *user);
	int (*service_resolver_free)(AvahiServiceResolver *resolver);
	AvahiEntryGroup *(*entry_group_new)(AvahiClient *client, AvahiEntryGroupCallback callback, void *user);
	int (*entry_group_free)(AvahiEntryGroup *group);
	int (*entry_group_add_service_strlst)(AvahiEntryGroup *group, AvahiIfIndex interface, AvahiProtocol protocol,
		AvahiPublishFlags flags, const char *name, const char *type, const char *domain, const char *host,
		uint16_t port, AvahiStringList *txt);
	int (*entry_group_commit)(AvahiEntryGroup *group);
	int (*entry_group_reset)(AvahiEntryGroup *group);
};

/* Loads it at the first call; it stays. GW_ERR_NOT_FOUND: the error says what to install. From any thread. */
enum gw_status gw_avahi_get(const struct gw_avahi **out, struct gw_error *err);

#endif
