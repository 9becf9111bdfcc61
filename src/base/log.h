/* Log lines. The code that knows most writes a line, once, and says what a user needs to act. */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

#include <stdbool.h>

enum gw_log_level {
	GW_LOG_ERROR,
	GW_LOG_WARN,
	GW_LOG_INFO,
	GW_LOG_DEBUG,
};

enum gw_log_format {
	GW_LOG_TEXT,  /* the message */
	GW_LOG_JSON,  /* an object: time (UTC), level, pid, message, and the event's fields */
	GW_LOG_TIMED, /* the message behind the time (UTC) */
};

/* Receives one complete line without its newline. May be called from any thread, one call at a time. */
typedef void (*gw_log_sink)(enum gw_log_level level, const char *line, void *user);

/* Replaces the sink (default: stderr, one write(2) a line). Call before threads exist. NULL restores the default. */
void gw_log_set_sink(gw_log_sink sink, void *user);

/* The least important level that is written. Default: INFO, or DEBUG if the environment's GGML_RPC_DEBUG is set to
 * anything but 0 (the stock implementation's variable). */
void gw_log_set_level(enum gw_log_level level);
bool gw_log_enabled(enum gw_log_level level);

/* How lines look from now on; default: TEXT. Call before threads exist. */
void gw_log_set_format(enum gw_log_format format);

/* Writes one line. Messages are cut at 1 KiB. What is not valid UTF-8 and what can steer a terminal (gw_text_is_unsafe)
 * becomes '?'. Thread-safe; keeps errno. */
void gw_log(enum gw_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What an event is about, for lines in JSON. NULL and 0: no such field. Texts are made safe like messages. */
struct gw_log_fields {
	const char *client;   /* as logged: address, or NAME@address */
	const char *endpoint; /* of this server */
	const char *reason;   /* why a client was refused or lost */
	long worker;          /* pid */
};

/* As gw_log, with fields. The message has to be complete without them, because text has no fields. */
void gw_log_event(enum gw_log_level level, const struct gw_log_fields *fields, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define gw_log_error(...) gw_log(GW_LOG_ERROR, __VA_ARGS__)
#define gw_log_warn(...) gw_log(GW_LOG_WARN, __VA_ARGS__)
#define gw_log_info(...) gw_log(GW_LOG_INFO, __VA_ARGS__)
#define gw_log_debug(...)                                  \
	do {                                               \
		if (gw_log_enabled(GW_LOG_DEBUG))          \
			gw_log(GW_LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
