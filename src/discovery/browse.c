#include "discovery/browse.h"

#include "transport/list/endpoint.h"
#include "transport/tls/policy.h"

#ifdef GGWIRE_AVAHI

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "discovery/avahi.h"

/* Services that are being resolved at once. */
#define PENDING_MAX 256
/* Announcements of machines that have just heard the question come within this time. */
#define SETTLE_MS 300

struct browse {
	const struct gw_avahi *a;
	AvahiClient *client;
	struct gw_found_list *list;
	unsigned pending;
	bool all; /* avahi-daemon has told what it knows */
	enum gw_status status;
	struct gw_error *err;
};

static void fail(struct browse *b, const char *what)
{
	if (!b->status)
		b->status = gw_error_set(b->err, GW_ERR_SYSTEM, "discovery: %s: %s", what,
			b->a->strerror(b->a->client_errno(b->client)));
}

static void take_text(struct gw_found *f, const AvahiStringList *entry)
{
	const uint8_t *equals = memchr(entry->text, '=', entry->size);
	char key[16] = "";
	size_t len = equals ? (size_t)(equals - entry->text) : sizeof(key);
	if (len >= sizeof(key))
		return;
	memcpy(key, entry->text, len);
	gw_found_set(f, key, equals + 1, entry->size - len - 1);
}

static void on_resolved(AvahiServiceResolver *resolver, AvahiIfIndex interface, AvahiProtocol protocol,
	AvahiResolverEvent event, const char *name, const char *type, const char *domain, const char *host,
	const AvahiAddress *address, uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags, void *user)
{
	struct browse *b = user;
	struct gw_found f = {0};
	char text[INET6_ADDRSTRLEN] = "";
	(void)protocol;
	(void)type;
	(void)domain;
	(void)flags;
	b->pending--;
	b->a->service_resolver_free(resolver);
	if (event != AVAHI_RESOLVER_FOUND || !address ||
		!inet_ntop(address->proto == AVAHI_PROTO_INET ? AF_INET : AF_INET6, &address->data, text, sizeof(text)))
		return;
	strncpy(f.name, name, sizeof(f.name) - 1);
	strncpy(f.host, host, sizeof(f.host) - 1);
	for (; txt; txt = txt->next)
		take_text(&f, txt);
	if (gw_found_set_address(&f, text, port, (unsigned)interface))
		gw_found_add(b->list, &f);
}

static void on_service(AvahiServiceBrowser *browser, AvahiIfIndex interface, AvahiProtocol protocol,
	AvahiBrowserEvent event, const char *name, const char *type, const char *domain, AvahiLookupResultFlags flags,
	void *user)
{
	struct browse *b = user;
	(void)browser;
	(void)flags;
	if (event == AVAHI_BROWSER_ALL_FOR_NOW)
		b->all = true;
	else if (event == AVAHI_BROWSER_FAILURE)
		fail(b, "cannot browse");
	else if (event == AVAHI_BROWSER_NEW && b->pending < PENDING_MAX &&
		 b->a->service_resolver_new(
			 b->client, interface, protocol, name, type, domain, protocol, 0, on_resolved, b))
		b->pending++;
}

static void on_client(AvahiClient *client, AvahiClientState state, void *user)
{
	struct browse *b = user;
	/* It may not have returned from avahi_client_new. */
	b->client = client;
	if (state == AVAHI_CLIENT_FAILURE)
		fail(b, "avahi-daemon");
}

static enum gw_status wait_for_answers(struct browse *b, AvahiSimplePoll *poll, int wait_ms)
{
	uint64_t until = gw_clock_deadline(wait_ms), settled = 0;
	while (!b->status) {
		if (!b->all || b->pending)
			settled = 0;
		else if (!settled)
			settled = gw_clock_deadline(SETTLE_MS);
		uint64_t at = settled && settled < until ? settled : until;
		int left = gw_clock_ms_left(at);
		if (left <= 0)
			break;
		if (b->a->simple_poll_iterate(poll, left) != 0)
			fail(b, "avahi-daemon");
	}
	return b->status;
}

static enum gw_status browse(struct browse *b, AvahiSimplePoll *poll, int wait_ms)
{
	int error = 0;
	AvahiClient *client = b->a->client_new(b->a->simple_poll_get(poll), 0, on_client, b, &error);
	if (!client)
		return gw_error_set(b->err, GW_ERR_NOT_FOUND,
			"discovery: avahi-daemon cannot be reached: %s; install and start it", b->a->strerror(error));
	b->client = client;
	if (!b->a->service_browser_new(
		    client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, GW_AVAHI_SERVICE, NULL, 0, on_service, b))
		fail(b, "cannot browse");
	enum gw_status status = wait_for_answers(b, poll, wait_ms);
	/* And its browser and resolvers. */
	b->a->client_free(client);
	return status;
}

enum gw_status gw_browse(int wait_ms, struct gw_found_list *out, struct gw_error *err)
{
	struct gw_error why;
	struct browse b = {.list = out, .err = err ? err : &why};
	out->n = out->left_out = 0;
	enum gw_status status = gw_avahi_get(&b.a, err);
	if (status)
		return status;
	AvahiSimplePoll *poll = b.a->simple_poll_new();
	if (!poll)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	status = browse(&b, poll, wait_ms);
	b.a->simple_poll_free(poll);
	gw_found_sort(out);
	return status;
}

#else

enum gw_status gw_browse(int wait_ms, struct gw_found_list *out, struct gw_error *err)
{
	(void)wait_ms;
	out->n = out->left_out = 0;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "discovery: this ggwire was built without Avahi");
}

#endif

enum gw_status gw_browse_trusted(int wait_ms, struct gw_found_list *out, size_t *refused, struct gw_error *err)
{
	bool has_keys;
	size_t n = 0;
	*refused = 0;
	enum gw_status status = gw_tls_has_keys(&has_keys, err);
	if (!status)
		status = gw_browse(wait_ms, out, err);
	for (size_t i = 0; !status && has_keys && i < out->n; i++) {
		struct gw_endpoint ep;
		struct gw_tls_key key;
		bool use = false;
		if (!gw_endpoint_parse(out->items[i].endpoint, false, &ep, NULL) &&
			!gw_tls_choose(&ep, &key, &use, NULL) && use)
			out->items[n++] = out->items[i];
		gw_tls_key_wipe(&key);
	}
	if (!status && has_keys) {
		*refused = out->n - n;
		out->n = n;
	}
	return status;
}
