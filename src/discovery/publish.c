#include "discovery/publish.h"

#ifdef GGWIRE_AVAHI

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <avahi-common/error.h>

#include "base/log.h"
#include "discovery/avahi.h"
#include "version.h"

#define NAME_MAX_BYTES 64 /* of DNS, with a NUL */

struct publish {
	const struct gw_avahi *a;
	const struct gw_publication *what;
	AvahiClient *client;
	AvahiEntryGroup *group;
	char names[GW_PUBLISH_MAX][NAME_MAX_BYTES];
	bool done;
	enum gw_status status;
	struct gw_error *err;
};

static void fail(struct publish *p, const char *what, int error)
{
	if (!p->status)
		p->status = gw_error_set(p->err, GW_ERR_SYSTEM, "%s: %s", what, p->a->strerror(error));
}

static void name_services(struct publish *p)
{
	char host[40] = "";
	gethostname(host, sizeof(host) - 1);
	for (uint32_t i = 0; i < p->what->n; i++)
		snprintf(p->names[i], NAME_MAX_BYTES, "%s port %" PRIu32, host[0] ? host : "ggwire",
			p->what->services[i].port);
}

static AvahiStringList *describe(const struct publish *p, const struct gw_publish_service *s)
{
	char devices[16], memory[32];
	AvahiStringList *txt = NULL;
	snprintf(devices, sizeof(devices), "%" PRIu32, p->what->devices);
	snprintf(memory, sizeof(memory), "%" PRIu64, p->what->memory);
	txt = p->a->string_list_add_pair(txt, "rdma", p->what->rdma ? "yes" : "no");
	txt = p->a->string_list_add_pair(txt, "tls", s->tls);
	txt = p->a->string_list_add_pair(txt, "memory", memory);
	txt = p->a->string_list_add_pair(txt, "devices", devices);
	txt = p->a->string_list_add_pair(txt, "protocol", s->protocol);
	return p->a->string_list_add_pair(txt, "version", GGWIRE_VERSION);
}

static int add_service(struct publish *p, const struct gw_publish_service *s, const char *name)
{
	AvahiIfIndex interface = s->interface ? (AvahiIfIndex)s->interface : AVAHI_IF_UNSPEC;
	AvahiProtocol protocol = s->family == AF_INET    ? AVAHI_PROTO_INET
				 : s->family == AF_INET6 ? AVAHI_PROTO_INET6
							 : AVAHI_PROTO_UNSPEC;
	AvahiStringList *txt = describe(p, s);
	int error = p->a->entry_group_add_service_strlst(
		p->group, interface, protocol, 0, name, GW_AVAHI_SERVICE, NULL, NULL, (uint16_t)s->port, txt);
	p->a->string_list_free(txt);
	return error;
}

/* Another name for one that somebody else has. */
static void rename_service(struct publish *p, uint32_t i)
{
	char *other = p->a->alternative_service_name(p->names[i]);
	if (other)
		snprintf(p->names[i], NAME_MAX_BYTES, "%s", other);
	p->a->free(other);
}

static void announce(struct publish *p)
{
	enum {
		TRIES = 16
	};
	int error = 0;
	p->a->entry_group_reset(p->group);
	for (uint32_t i = 0; i < p->what->n && !error; i++) {
		for (int k = 0; k < TRIES; k++) {
			error = add_service(p, &p->what->services[i], p->names[i]);
			if (error != AVAHI_ERR_COLLISION)
				break;
			rename_service(p, i);
		}
	}
	if (!error)
		error = p->a->entry_group_commit(p->group);
	if (error)
		fail(p, "avahi-daemon refuses the announcement", error);
}

static void on_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *user)
{
	struct publish *p = user;
	p->group = group;
	if (state == AVAHI_ENTRY_GROUP_ESTABLISHED) {
		gw_log_info("announced on the network as \"%s\"%s", p->names[0], p->what->n > 1 ? " and others" : "");
	} else if (state == AVAHI_ENTRY_GROUP_COLLISION) {
		for (uint32_t i = 0; i < p->what->n; i++)
			rename_service(p, i);
		announce(p);
	} else if (state == AVAHI_ENTRY_GROUP_FAILURE) {
		fail(p, "the announcement failed", p->a->client_errno(p->client));
	}
}

static void on_client(AvahiClient *client, AvahiClientState state, void *user)
{
	struct publish *p = user;
	/* It may not have returned from avahi_client_new. */
	p->client = client;
	if (state == AVAHI_CLIENT_S_RUNNING) {
		if (!p->group)
			p->group = p->a->entry_group_new(client, on_group, p);
		if (p->group)
			announce(p);
		else
			fail(p, "avahi-daemon", p->a->client_errno(client));
	} else if (state == AVAHI_CLIENT_S_COLLISION || state == AVAHI_CLIENT_S_REGISTERING) {
		if (p->group)
			p->a->entry_group_reset(p->group);
	} else if (state == AVAHI_CLIENT_CONNECTING && p->group) {
		/* The daemon was restarted: what it had of us is gone. */
		p->a->entry_group_free(p->group);
		p->group = NULL;
	} else if (state == AVAHI_CLIENT_FAILURE) {
		fail(p, "D-Bus", p->a->client_errno(client));
	}
}

static void on_control(AvahiWatch *watch, int fd, AvahiWatchEvent event, void *user)
{
	struct publish *p = user;
	(void)watch;
	(void)fd;
	(void)event;
	p->done = true;
}

static enum gw_status run(struct publish *p, AvahiSimplePoll *poll, int control,
	enum gw_status (*connected)(void *user, struct gw_error *err), void *user)
{
	const AvahiPoll *api = p->a->simple_poll_get(poll);
	int error = 0;
	AvahiClient *client = p->a->client_new(api, AVAHI_CLIENT_NO_FAIL, on_client, p, &error);
	if (!client)
		return gw_error_set(
			p->err, GW_ERR_NOT_FOUND, "avahi-daemon cannot be reached: %s", p->a->strerror(error));
	p->client = client;
	if (!api->watch_new(api, control, AVAHI_WATCH_IN, on_control, p))
		p->status = gw_error_set(p->err, GW_ERR_NOMEM, "out of memory");
	if (!p->status)
		p->status = connected(user, p->err);
	while (!p->status && !p->done)
		if (p->a->simple_poll_iterate(poll, -1) != 0)
			fail(p, "D-Bus", p->a->client_errno(client));
	/* With its group: what was announced is withdrawn. */
	p->a->client_free(client);
	return p->status;
}

enum gw_status gw_publish_run(const struct gw_publication *what, int control,
	enum gw_status (*connected)(void *user, struct gw_error *err), void *user, struct gw_error *err)
{
	struct gw_error why;
	struct publish p = {.what = what, .err = err ? err : &why};
	enum gw_status status = gw_avahi_get(&p.a, err);
	if (status)
		return status;
	AvahiSimplePoll *poll = p.a->simple_poll_new();
	if (!poll)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	name_services(&p);
	status = run(&p, poll, control, connected, user);
	p.a->simple_poll_free(poll);
	return status;
}

enum gw_status gw_publish_check(struct gw_error *err)
{
	const struct gw_avahi *a;
	return gw_avahi_get(&a, err);
}

#else

enum gw_status gw_publish_run(const struct gw_publication *what, int control,
	enum gw_status (*connected)(void *user, struct gw_error *err), void *user, struct gw_error *err)
{
	(void)what;
	(void)control;
	(void)connected;
	(void)user;
	return gw_publish_check(err);
}

enum gw_status gw_publish_check(struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "this ggwire was built without Avahi (libavahi-client-dev)");
}

#endif
