/* Tensors of the wire in words. */
#ifndef GW_CLI_DUMP_TENSOR_H
#define GW_CLI_DUMP_TENSOR_H

#include <stdio.h>

#include "wire/tensor.h"

/* Prints text up to its NUL, at most size bytes, in quotes; what is not printable ASCII is replaced. */
void gw_dump_text(FILE *to, const char *text, size_t size);

/* Name, type, shape and place. */
void gw_dump_tensor(FILE *to, const struct gw_dialect *dialect, const struct gw_wire_tensor *tensor);

/* The name of an operation. Static storage. */
const char *gw_dump_op(const struct gw_dialect *dialect, uint32_t op);

#endif
