/* Compares every layout and parameter on a device with the reference. */
#ifndef TESTS_ROPE_CASES_H
#define TESTS_ROPE_CASES_H

#include <stdbool.h>

#include <ggml-backend.h>

/* Runs every case in f32 and f16, forward, in place and backward, and prints a line for each. With offsets unset, the
 * device must decline every case with an offset, as a device of a server with an older protocol does. Returns false,
 * after a message on stderr, if a run differs from the reference, changed other values, failed, or was declined. */
bool rope_cases_check(ggml_backend_t backend, bool offsets);

#endif
