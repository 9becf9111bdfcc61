/* Programs that use a device through ggml's public functions: weights, a cache, a scheduler with a CPU as fallback, and
 * graphs of transformer operations. */
#ifndef GW_TESTS_BACKEND_PROGRAM_H
#define GW_TESTS_BACKEND_PROGRAM_H

#include <ggml-backend.h>

/* Runs a program on devices as far as they allow. Like real programs, it goes on or stops after a failure. choices
 * selects what differs between programs. Returns whether everything succeeded. */
bool program_run(ggml_backend_dev_t *devices, size_t n_devices, unsigned choices);

/* Silences the logs of ggml and of the plug-in, which must be loaded. */
void program_hush(void);

/* A CPU device that computes nothing. ggml's scheduler requires one; its results would be meaningless. */
ggml_backend_dev_t program_cpu(void);

#endif
