#include "daemon/config/http_token.h"

#include <string.h>

#include "transport/tls/secret_file.h"

#define TOKEN_MIN 16

/* What a header can carry as one word. */
static bool is_token(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n >= TOKEN_MIN && n < GW_CONTROL_TOKEN;
}

enum gw_status gw_http_token_load(const char *path, char out[GW_CONTROL_TOKEN], struct gw_error *err)
{
	char text[GW_CONTROL_TOKEN + 1];
	size_t n;
	enum gw_status status = gw_secret_file_read(path, text, sizeof(text), &n, err);
	if (!status) {
		if (n > 0 && text[n - 1] == '\n')
			n--;
		if (!is_token(text, n))
			status = gw_error_set(err, GW_ERR_INVALID,
				"expected one line of %d to %d characters without blanks (openssl rand -hex 32)",
				TOKEN_MIN, GW_CONTROL_TOKEN - 1);
	}
	if (!status) {
		memcpy(out, text, n);
		out[n] = '\0';
	} else {
		gw_error_prefix(err, "--http-token-file: %s", path);
	}
	explicit_bzero(text, sizeof(text));
	return status;
}
