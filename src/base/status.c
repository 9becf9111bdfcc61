#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *gw_status_text(enum gw_status status)
{
	switch (status) {
	case GW_OK:
		return "ok";
	case GW_ERR_INVALID:
		return "invalid argument";
	case GW_ERR_PROTOCOL:
		return "protocol violation";
	case GW_ERR_CLOSED:
		return "connection closed";
	case GW_ERR_LOST:
		return "connection lost";
	case GW_ERR_TIMEOUT:
		return "timed out";
	case GW_ERR_NOMEM:
		return "out of memory";
	case GW_ERR_LIMIT:
		return "limit reached";
	case GW_ERR_UNSUPPORTED:
		return "not supported";
	case GW_ERR_NOT_FOUND:
		return "not found";
	case GW_ERR_SYSTEM:
		return "system error";
	case GW_ERR_COMPUTE:
		return "compute failed";
	}
	return "unknown error";
}

/* Appends what fits. */
static void append(struct gw_error *err, const char *text)
{
	size_t len = strlen(err->text);
	size_t n = strnlen(text, sizeof(err->text) - 1 - len);
	memcpy(err->text + len, text, n);
	err->text[len + n] = '\0';
}

int gw_error_put(struct gw_error *err, enum gw_status status, const char *fmt, ...)
{
	if (!err)
		return 0;
	va_list ap;
	va_start(ap, fmt);
	err->status = status;
	err->cause = 0;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return 0;
}

int gw_error_put_errno(struct gw_error *err, enum gw_status status, int errnum, const char *fmt, ...)
{
	if (!err)
		return 0;
	va_list ap;
	va_start(ap, fmt);
	err->status = status;
	err->cause = 0;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);

	char reason[128];
	append(err, ": ");
	append(err, strerror_r(errnum, reason, sizeof(reason)));
	return 0;
}

enum gw_status gw_error_prefix(struct gw_error *err, const char *fmt, ...)
{
	if (!err)
		return GW_ERR_SYSTEM;
	struct gw_error whole = {.status = err->status, .cause = err->cause};
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(whole.text, sizeof(whole.text), fmt, ap);
	va_end(ap);

	append(&whole, ": ");
	append(&whole, err->text);
	*err = whole;
	return err->status;
}
