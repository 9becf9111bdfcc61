#include <string.h>

#include "transport/tls/openssl.h"
#include "transport/tls/tls.h"

#define LABEL_MAX 64

/* Extract and expand with one block of output, so that expand is one HMAC of the label and the block's number. */
enum gw_status gw_tls_derive(
	const void *secret, size_t n, const char *label, uint8_t out[GW_TLS_DERIVED], struct gw_error *err)
{
	static const uint8_t no_salt[GW_TLS_DERIVED];
	uint8_t extracted[GW_TLS_DERIVED], info[LABEL_MAX + 1];
	size_t length = strnlen(label, LABEL_MAX);
	enum gw_status status = gw_tls_check(err);
	if (status)
		return status;
	const struct gw_openssl *lib = gw_openssl_get(NULL);
	memcpy(info, label, length);
	info[length] = 1;
	bool done = lib->hmac(lib->sha256(), no_salt, sizeof(no_salt), secret, n, extracted, NULL) &&
		    lib->hmac(lib->sha256(), extracted, sizeof(extracted), info, length + 1, out, NULL);
	explicit_bzero(extracted, sizeof(extracted));
	return done ? GW_OK : gw_error_set(err, GW_ERR_NOMEM, "OpenSSL cannot compute HMAC-SHA256");
}
