/* The TLS library, and the user's keys. */
#include <stdio.h>
#include <time.h>

#include "cli/doctor/checks.h"
#include "transport/tls/policy.h"
#include "transport/tls/tls.h"

#define AREA "tls"

static void look_at_library(bool has_keys, struct gw_findings *f)
{
	struct gw_error why;
	char text[256];
	if (gw_tls_check(&why) == GW_OK) {
		gw_tls_describe(text, sizeof(text));
		gw_found(f, GW_FINDING_OK, AREA, "%s", text);
	} else if (has_keys) {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "there are keys, and no connection can use them: %s", why.text);
		gw_found_advice(f, "install OpenSSL 3 and a ggwire that was built with libssl-dev");
	} else {
		gw_found(f, GW_FINDING_OK, AREA, "no TLS: %s", why.text);
	}
}

static void look_for_expired(const struct gw_tls_keys *keys, struct gw_findings *f)
{
	for (size_t i = 0; i < keys->n; i++)
		if (gw_tls_key_has_expired(&keys->keys[i], time(NULL))) {
			gw_found(f, GW_FINDING_WARNING, AREA, "key %s has expired", keys->keys[i].identity);
			gw_found_advice(f, "ask the server's administrator for a new one (ggwire key add)");
		}
}

void gw_doctor_tls(struct gw_findings *f)
{
	struct gw_tls_keys keys = {0};
	struct gw_error err;
	char path[GW_TLS_PATH];
	bool named;
	enum gw_status status = GW_ERR_NOT_FOUND;
	if (gw_tls_user_file(path, &named))
		status = gw_tls_keys_load(path, &keys, &err);
	look_at_library(keys.n > 0, f);
	if (!status) {
		gw_found(f, GW_FINDING_OK, AREA, "%zu key%s in %s", keys.n, keys.n == 1 ? "" : "s", path);
		look_for_expired(&keys, f);
	} else if (status == GW_ERR_NOT_FOUND && !named) {
		gw_found(f, GW_FINDING_OK, AREA, "no key file: connections are not encrypted");
	} else {
		gw_found(f, GW_FINDING_PROBLEM, AREA, "%s", err.text);
		gw_found_advice(f, "mend or remove the file: until then, connections fail");
	}
	gw_tls_keys_free(&keys);
}
