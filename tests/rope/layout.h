/* Pictures of the layouts, derived from a device's results: rotated unit vectors show for every element of a head its
 * partner, the position stream that rotates it, and the exponent of its frequency. */
#ifndef TESTS_ROPE_LAYOUT_H
#define TESTS_ROPE_LAYOUT_H

#include <stdbool.h>

#include <ggml-backend.h>

/* Prints a line for every layout and compares it with the expected one. text: the documentation, which must contain
 * these lines, or NULL. Without offsets, skips layouts with an offset. Returns false, with a message on stderr, if
 * anything differs or the device failed. */
bool rope_layouts_check(ggml_backend_t backend, const char *text, bool offsets);

#endif
