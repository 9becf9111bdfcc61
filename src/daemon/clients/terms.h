/* On which terms clients are served at an endpoint. */
#ifndef GW_DAEMON_TERMS_H
#define GW_DAEMON_TERMS_H

#include "transport/tls/policy.h"
#include "wire/dialect.h"

struct gw_terms {
	const struct gw_dialect *dialect;
	enum gw_tls_mode tls; /* ON: with TLS or without; REQUIRE: with TLS only */
};

#endif
