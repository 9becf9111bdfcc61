/* Values of options, on the command line or in a file. Errors quote the text and do not name the option:
 * the caller knows how it was written. */
#ifndef GW_DAEMON_CONFIG_OPTION_VALUES_H
#define GW_DAEMON_CONFIG_OPTION_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/list/endpoint.h"
#include "transport/tls/policy.h"
#include "wire/dialect.h"

/* A number from min to max: digits only, no sign, no blanks. max is small enough for ten times itself. */
enum gw_status gw_option_number(const char *text, unsigned min, unsigned max, unsigned *out, struct gw_error *err);

/* A positive number of bytes, with an optional suffix K, M, G or T for powers of 1024. */
enum gw_status gw_option_bytes(const char *text, uint64_t *out, struct gw_error *err);

/* One of n words; *out is its place. */
enum gw_status gw_option_choice(
	const char *text, const char *const *words, size_t n, unsigned *out, struct gw_error *err);

/* A protocol version that is known, such as "4.0". */
enum gw_status gw_option_proto(const char *text, const struct gw_dialect **dialect, struct gw_error *err);

/* What can follow an endpoint to listen on: ",proto=VERSION", ",tls=MODE", in any order. */
struct gw_option_terms {
	const struct gw_dialect *dialect; /* NULL: not given */
	bool has_tls;
	enum gw_tls_mode tls;
};

/* An endpoint to listen on, with optional terms. */
enum gw_status gw_option_listen(
	const char *text, struct gw_endpoint *ep, struct gw_option_terms *terms, struct gw_error *err);

/* "off", "on" or "require". */
enum gw_status gw_option_tls(const char *text, enum gw_tls_mode *out, struct gw_error *err);

/* The path of a file, in less than size bytes. */
enum gw_status gw_option_path(const char *text, char *out, size_t size, struct gw_error *err);

/* Names between ',' or '/', none of them empty, in less than size bytes. */
enum gw_status gw_option_names(const char *text, char *out, size_t size, struct gw_error *err);

/* Appends a list of names of environment variables to another, both between ','. size is that of list. */
enum gw_status gw_option_variables(const char *text, char *list, size_t size, struct gw_error *err);

#endif
