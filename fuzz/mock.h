/* A device that claims to support every operation and only accesses the memory that it would use: the address sanitizer
 * detects tensors outside their buffer. */
#ifndef GW_FUZZ_MOCK_H
#define GW_FUZZ_MOCK_H

#include <ggml-backend.h>

ggml_backend_dev_t mock_device(void);

#endif
