/* What a user may have meant by a word that is none of those known. */
#ifndef GW_CLI_SUGGEST_H
#define GW_CLI_SUGGEST_H

#include <stddef.h>

/* The name closest to word, at most two edits away (a character inserted, left out, replaced, or swapped with the next
 * one), and fewer than the name has characters; NULL if there is none. The first of several. */
const char *gw_suggest(const char *word, const char *const *names, size_t n);

#endif
