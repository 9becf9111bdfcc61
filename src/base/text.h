/* Text from a peer or a file, made safe to print. */
#ifndef GW_BASE_TEXT_H
#define GW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at text, of which n bytes are left. Returns its bytes and sets *character, or returns 0 if
 * there is no valid UTF-8 (cut, overlong, a surrogate, beyond U+10FFFF) or n is 0. */
size_t gw_utf8_decode(const char *text, size_t n, uint32_t *character);

/* Whether a character can steer a terminal or break a line: controls, line separators, marks of writing direction. */
bool gw_text_is_unsafe(uint32_t character);

/* Copies text so that it can neither steer a terminal nor break a line: bytes that are not valid UTF-8 and unsafe
 * characters become '?'. Cut between two characters where it does not fit; always terminated. size is at least 1. out
 * may be text itself. Returns out. */
const char *gw_text_safe(const char *text, char *out, size_t size);

#endif
