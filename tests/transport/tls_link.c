#include "transport/tls_link.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct gw_tls_key tls_test_key(const char *identity, uint8_t byte)
{
	struct gw_tls_key key = {.secret_len = 32};
	snprintf(key.identity, sizeof(key.identity), "%s", identity);
	memset(key.secret, byte, key.secret_len);
	return key;
}

static enum gw_status find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	const struct gw_tls_key *known = user;
	if (strcmp(identity, known->identity) != 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "unknown");
	*key = *known;
	return GW_OK;
}

struct server {
	struct gw_transport **end;
	const struct gw_tls_key *known;
	int timeout_ms;
	struct tls_outcome *outcome;
};

static enum gw_status take(enum gw_status status, struct gw_transport **end, struct gw_transport *made)
{
	if (status)
		(*end)->ops->close(*end);
	*end = status ? NULL : made;
	return status;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct gw_transport *made = NULL;
	enum gw_status status = gw_tls_accept(
		*s->end, find, (void *)(uintptr_t)s->known, s->timeout_ms, &made, &s->outcome->server_error);
	s->outcome->server = take(status, s->end, made);
	return NULL;
}

struct tls_outcome tls_shake_hands(struct gw_transport **client, struct gw_transport **server,
	const struct gw_tls_key *used, const struct gw_tls_key *known, int timeout_ms)
{
	struct tls_outcome outcome = {.server = GW_ERR_SYSTEM};
	struct server s = {server, known, timeout_ms, &outcome};
	struct gw_transport *made = NULL;
	pthread_t thread;
	if (pthread_create(&thread, NULL, serve, &s))
		return (struct tls_outcome){.client = GW_ERR_SYSTEM, .server = GW_ERR_SYSTEM};
	enum gw_status status = gw_tls_connect(*client, used, timeout_ms, &made, &outcome.client_error);
	outcome.client = take(status, client, made);
	pthread_join(thread, NULL);
	return outcome;
}

bool tls_link(struct gw_transport **client, struct gw_transport **server)
{
	const struct gw_tls_key key = tls_test_key("tester", 0x5a);
	if (gw_tls_check(NULL))
		return false;
	struct tls_outcome outcome = tls_shake_hands(client, server, &key, &key, 10000);
	return !outcome.client && !outcome.server;
}
