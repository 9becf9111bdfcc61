/* A device that claims every operation and only touches the memory that it would use: a tensor beyond its buffer is
 * seen by the address sanitizer. */
#ifndef GW_FUZZ_MOCK_H
#define GW_FUZZ_MOCK_H

#include <ggml-backend.h>

ggml_backend_dev_t mock_device(void);

#endif
