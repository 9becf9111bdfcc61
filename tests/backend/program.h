/* What programs do with a device through ggml's public functions: weights, a cache, a scheduler with a CPU behind the
 * device, and graphs of a transformer's operations. */
#ifndef GW_TESTS_BACKEND_PROGRAM_H
#define GW_TESTS_BACKEND_PROGRAM_H

#include <ggml-backend.h>

/* Runs it on devices, as far as they let it; whatever fails is no failure of the program, which goes on or leaves as
 * real ones do. choices decides what differs from one program to the next. Whether everything worked. */
bool program_run(ggml_backend_dev_t *devices, size_t n_devices, unsigned choices);

/* Nothing is logged any more, by ggml or the plug-in, which must be there. */
void program_hush(void);

/* A CPU device that computes nothing: ggml's scheduler wants one, and whatever is computed on it would be rubbish. */
ggml_backend_dev_t program_cpu(void);

#endif
