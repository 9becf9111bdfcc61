/* Which number of the operation's parameters says what: what travels with the operation. */
#ifndef TESTS_ROPE_SLOTS_H
#define TESTS_ROPE_SLOTS_H

#include <stdbool.h>

/* Builds operations with a different value for each parameter, and prints a line for each slot that was found to carry
 * what it should. text: of the documentation, or NULL. False: some slot carries something else, or a line is not in the
 * documentation; reported on stderr. */
bool rope_slots_check(const char *text);

#endif
