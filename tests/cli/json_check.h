/* A strict JSON parser (RFC 8259), so that the tests need no program for it. */
#ifndef GW_TESTS_CLI_JSON_CHECK_H
#define GW_TESTS_CLI_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text is one JSON value in valid UTF-8, with only whitespace around it. */
bool json_is_valid(const char *text);

/* Finds the value at a path such as "round_trip_ms.min" or "servers.0.error" in valid JSON and copies its characters;
 * of a string without its quotes, but still escaped. Returns false if there is no such member. */
bool json_get(const char *text, const char *path, char *out, size_t size);

/* The same as a number; -1 if there is none. */
double json_number(const char *text, const char *path);

#endif
