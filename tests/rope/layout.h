/* Pictures of the layouts, taken from what a device does: rotated unit vectors show for every element of a head its
 * partner, the stream of positions that turns it, and the exponent of its frequency. */
#ifndef TESTS_ROPE_LAYOUT_H
#define TESTS_ROPE_LAYOUT_H

#include <stdbool.h>

#include <ggml-backend.h>

/* Prints a line for every layout, and compares it with what is expected. text: of the documentation, which must have
 * these lines, or NULL. False: something differs, or the device failed; reported on stderr. Layouts with an
 * offset are left out unless offsets is set. */
bool rope_layouts_check(ggml_backend_t backend, const char *text, bool offsets);

#endif
