/* Every layout with every parameter, on a device, against the reference. */
#ifndef TESTS_ROPE_CASES_H
#define TESTS_ROPE_CASES_H

#include <stdbool.h>

#include <ggml-backend.h>

/* Runs every case in f32 and f16, forward, in place and backward, and prints a line for each. With offsets unset, the
 * device must decline every case that has an offset, as one behind an older protocol does. False: some run differs from
 * the reference, touched what it must not, failed, or was declined by the device; reported on stderr. */
bool rope_cases_check(ggml_backend_t backend, bool offsets);

#endif
