/* Status codes of every fallible function, and the text that goes with a failure. */
#ifndef GW_BASE_STATUS_H
#define GW_BASE_STATUS_H

#include <stdarg.h>

enum gw_status {
	GW_OK = 0,
	GW_ERR_INVALID,     /* an argument (ours or a user's) is outside its documented bounds */
	GW_ERR_PROTOCOL,    /* the peer sent what the protocol does not allow */
	GW_ERR_CLOSED,      /* the peer closed the connection between two messages */
	GW_ERR_LOST,        /* the connection broke: reset, end in the middle of a message, network error */
	GW_ERR_TIMEOUT,     /* the time allowed has passed */
	GW_ERR_NOMEM,       /* memory of this process or of a device ran out */
	GW_ERR_LIMIT,       /* a configured or built-in bound was reached */
	GW_ERR_UNSUPPORTED, /* understood, and this side cannot do it */
	GW_ERR_NOT_FOUND,   /* no such name, handle or file */
	GW_ERR_SYSTEM,      /* a call to the operating system failed; the error's text holds errno's */
	GW_ERR_COMPUTE,     /* a device failed to execute */
};

/* A short lower-case phrase for a status. Static storage; never NULL. */
const char *gw_status_text(enum gw_status status);

/* What went wrong, for the one log line or message that reports it. The function that first decides on the
 * error fills it in; its callers pass it on and may put a prefix in front. Owned by the caller; plain data. */
struct gw_error {
	enum gw_status status;
	unsigned cause; /* what a program can act on, numbered by the room that sets it; 0: nothing in particular */
	char text[320];
};

/* Sets status and text (truncated to fit), clears the cause and returns status. err may be NULL. A macro, so that
 * compilers and analyzers see which status comes back; status is evaluated twice. */
#define gw_error_set(err, status, ...) gw_error_returned(status, gw_error_put(err, status, __VA_ARGS__))

/* As gw_error_set, with ": " and the text of errnum appended. */
#define gw_error_errno(err, status, errnum, ...) \
	gw_error_returned(status, gw_error_put_errno(err, status, errnum, __VA_ARGS__))

/* What the macros call; always 0. */
int gw_error_put(struct gw_error *err, enum gw_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int gw_error_put_errno(struct gw_error *err, enum gw_status status, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static inline enum gw_status gw_error_returned(enum gw_status status, int put)
{
	(void)put;
	return status;
}

/* Adds a cause to an error that was just set. err may be NULL. Returns status. */
static inline enum gw_status gw_error_because(struct gw_error *err, unsigned cause, enum gw_status status)
{
	if (err)
		err->cause = cause;
	return status;
}

/* Puts "<prefix>: " in front of an error's text. err may be NULL. Returns err's status (GW_ERR_SYSTEM for NULL). */
enum gw_status gw_error_prefix(struct gw_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
