/* When a client uses TLS, and that it never goes without where the user's keys or settings require it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/list/endpoint.h"
#include "transport/list/transports.h"
#include "transport/tls/policy.h"
#include "transport/tls_link.h"

#define ALICE "alice:0101010101010101010101010101010101010101010101010101010101010101"
#define EVE "alice:0202020202020202020202020202020202020202020202020202020202020202"

static char directory[] = "/tmp/gw-policy-XXXXXX";
static char path[128];

static void write_keys(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	(void)state;
	setenv("GGWIRE_PSK_FILE", path, 1);
	unsetenv("GGWIRE_TLS");
	return 0;
}

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/keys", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static enum gw_status choose(const char *endpoint, char identity[GW_IDENTITY_MAX], struct gw_error *err)
{
	struct gw_endpoint ep;
	struct gw_tls_key key;
	bool use;
	assert_int_equal(gw_endpoint_parse(endpoint, false, &ep, NULL), GW_OK);
	enum gw_status status = gw_tls_choose(&ep, &key, &use, err);
	snprintf(identity, GW_IDENTITY_MAX, "%s", !status && use ? key.identity : "");
	return status;
}

static void the_key_that_fits_is_used(void **state)
{
	(void)state;
	char who[GW_IDENTITY_MAX];
	write_keys(ALICE " *.lab\nbob:"
			 "00112233445566778899aabbccddeeff 192.0.2.*\n",
		0600);
	assert_int_equal(choose("gpu.lab:50052", who, NULL), GW_OK);
	assert_string_equal(who, "alice");
	assert_int_equal(choose("192.0.2.7:50052", who, NULL), GW_OK);
	assert_string_equal(who, "bob");
	assert_int_equal(choose("198.51.100.1:50052", who, NULL), GW_OK);
	assert_string_equal(who, "");
	setenv("GGWIRE_TLS", "off", 1);
	assert_int_equal(choose("gpu.lab:50052", who, NULL), GW_OK);
	assert_string_equal(who, "");
}

static void require_refuses_endpoints_without_a_key(void **state)
{
	(void)state;
	char who[GW_IDENTITY_MAX];
	struct gw_error err;
	write_keys(ALICE " *.lab\n", 0600);
	setenv("GGWIRE_TLS", "require", 1);
	assert_int_equal(choose("gpu.lab:50052", who, NULL), GW_OK);
	assert_string_equal(who, "alice");
	assert_int_equal(choose("127.0.0.1:50052", who, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "ggwire key add"));
	assert_int_equal(choose("unix:/run/x", who, NULL), GW_OK);
	unlink(path);
	assert_int_equal(choose("gpu.lab:50052", who, &err), GW_ERR_NOT_FOUND);
	unsetenv("GGWIRE_PSK_FILE");
	setenv("XDG_CONFIG_HOME", directory, 1);
	assert_int_equal(choose("gpu.lab:50052", who, &err), GW_ERR_INVALID);
	unsetenv("GGWIRE_TLS");
	assert_int_equal(choose("gpu.lab:50052", who, &err), GW_OK);
	unsetenv("XDG_CONFIG_HOME");
}

static void wrong_settings_are_errors(void **state)
{
	(void)state;
	static const struct {
		const char *keys;
		mode_t mode;
		const char *says;
	} bad[] = {
		{ALICE, 0644, "chmod 600"},
		{"alice=12", 0600, "line 1"},
		{ALICE " expires=2020-02-29", 0600, "expired after 2020-02-29"},
	};
	char who[GW_IDENTITY_MAX];
	struct gw_error err;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_keys(bad[i].keys, bad[i].mode);
		assert_int_equal(choose("gpu.lab:50052", who, &err), GW_ERR_INVALID);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%s", err.text);
	}
	setenv("GGWIRE_TLS", "maybe", 1);
	assert_int_equal(choose("gpu.lab:50052", who, &err), GW_ERR_INVALID);
	assert_non_null(strstr(err.text, "'maybe' is none of off, on, require"));
}

/* A server that accepts one connection. */
struct listener {
	pthread_t thread;
	struct gw_endpoint ep;
	int fd;
	bool has_tls;
	uint8_t first; /* the first byte received on a connection without TLS */
	char identity[GW_IDENTITY_MAX];
};

static enum gw_status find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	(void)user;
	if (strcmp(identity, "alice") != 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "unknown");
	*key = tls_test_key("alice", 1);
	return GW_OK;
}

static void *serve(void *arg)
{
	struct listener *l = arg;
	struct pollfd ready = {.fd = l->fd, .events = POLLIN};
	struct gw_transport *t, *tls = NULL;
	struct iovec iov = {&l->first, 1};
	size_t got;
	int fd;
	if (poll(&ready, 1, 10000) != 1 || gw_transport_accept(l->fd, &fd) || gw_transport_from_fd(fd, &t, NULL))
		return NULL;
	if (!l->has_tls) {
		(void)t->ops->recvv(t, &iov, 1, 1, &got, NULL);
	} else if (gw_tls_accept(t, find, NULL, 10000, &tls, NULL) == GW_OK) {
		snprintf(l->identity, sizeof(l->identity), "%s", tls->identity);
		t = tls;
	}
	t->ops->close(t);
	return NULL;
}

static enum gw_status dial(struct listener *l, bool has_tls, struct gw_error *err)
{
	struct gw_endpoint any;
	struct gw_transport *t = NULL;
	*l = (struct listener){.has_tls = has_tls};
	assert_int_equal(gw_endpoint_parse("127.0.0.1:0", true, &any, NULL), GW_OK);
	assert_int_equal(gw_transport_listen(&any, 1, &l->fd, &l->ep, NULL), GW_OK);
	assert_int_equal(pthread_create(&l->thread, NULL, serve, l), 0);
	enum gw_status status = gw_transport_dial(&l->ep, 10000, &t, err);
	if (!status)
		t->ops->close(t);
	pthread_join(l->thread, NULL);
	close(l->fd);
	return status;
}

static void dialling_uses_the_key(void **state)
{
	(void)state;
	struct listener l;
	write_keys(ALICE, 0600);
	assert_int_equal(dial(&l, true, NULL), GW_OK);
	assert_string_equal(l.identity, "alice");
}

static void a_plain_server_with_a_key_is_an_error(void **state)
{
	(void)state;
	struct listener l;
	struct gw_error err;
	write_keys(ALICE, 0600);
	assert_int_equal(dial(&l, false, &err), GW_ERR_PROTOCOL);
	assert_int_equal(l.first, GW_TLS_FIRST_BYTE);
	assert_non_null(strstr(err.text, "no TLS with key \"alice\""));
	assert_non_null(strstr(err.text, "stock RPC server"));
}

static void a_wrong_key_is_an_error(void **state)
{
	(void)state;
	struct listener l;
	struct gw_error err;
	write_keys(EVE, 0600);
	assert_int_equal(dial(&l, true, &err), GW_ERR_PROTOCOL);
	assert_string_equal(l.identity, "");
	assert_non_null(strstr(err.text, "does not accept key \"alice\""));
}

#define CASE(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_key_that_fits_is_used),
		CASE(require_refuses_endpoints_without_a_key),
		CASE(wrong_settings_are_errors),
		CASE(dialling_uses_the_key),
		CASE(a_plain_server_with_a_key_is_an_error),
		CASE(a_wrong_key_is_an_error),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
