/* Which parameter of the operation is in which slot of op_params, and so travels with the operation. */
#ifndef TESTS_ROPE_SLOTS_H
#define TESTS_ROPE_SLOTS_H

#include <stdbool.h>

/* Builds operations with a different value for each parameter, and prints a line for each slot with the expected
 * content. text: the documentation, or NULL. Returns false, with a message on stderr, if a slot contains something
 * else, or a line is missing from the documentation. */
bool rope_slots_check(const char *text);

#endif
