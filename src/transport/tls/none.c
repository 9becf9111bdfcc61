/* Replaces openssl.c, handshake.c, bio.c, records.c, protection.c and derive.c in builds without TLS. */
#include <stdint.h>
#include <stdio.h>

#include "transport/tls/tls.h"

enum gw_status gw_tls_check(struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "this build has no TLS: build it with libssl-dev installed");
}

void gw_tls_describe(char *out, size_t size)
{
	snprintf(out, size, "not in this build");
}

enum gw_status gw_tls_connect(struct gw_transport *inner, const struct gw_tls_key *key, int timeout_ms,
	struct gw_transport **out, struct gw_error *err)
{
	(void)inner;
	(void)key;
	(void)timeout_ms;
	(void)out;
	return gw_tls_check(err);
}

enum gw_status gw_tls_accept(struct gw_transport *inner, gw_tls_find *find, void *user, int timeout_ms,
	struct gw_transport **out, struct gw_error *err)
{
	(void)inner;
	(void)find;
	(void)user;
	(void)timeout_ms;
	(void)out;
	return gw_tls_check(err);
}

enum gw_status gw_tls_derive(
	const void *secret, size_t n, const char *label, uint8_t out[GW_TLS_DERIVED], struct gw_error *err)
{
	(void)secret;
	(void)n;
	(void)label;
	(void)out;
	return gw_tls_check(err);
}

struct gw_transport *gw_tls_inner(const struct gw_transport *t)
{
	return (struct gw_transport *)(uintptr_t)t;
}

struct gw_transport *gw_tls_unwrap(struct gw_transport *t)
{
	return t;
}
