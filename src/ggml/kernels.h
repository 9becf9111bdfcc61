/* Cases in which kernels of older ggml releases abort or compute something else, although they have the operation:
 * docs/protocol.md, "Parameters". */
#ifndef GW_GGML_KERNELS_H
#define GW_GGML_KERNELS_H

#include <stdbool.h>

#include <ggml.h>

/* Whether a node, with its sources, needs a newer kernel. */
typedef bool gw_kernel_needed(const struct ggml_tensor *node);

gw_kernel_needed gw_needs_bf16;
gw_kernel_needed gw_needs_bf16_activation;     /* of GELU, GELU_QUICK, GELU_ERF, SILU */
gw_kernel_needed gw_needs_f16_oai;             /* of SWIGLU_OAI */
gw_kernel_needed gw_needs_gaps;                /* a source that is not contiguous */
gw_kernel_needed gw_needs_images;              /* more than one image in source 1 */
gw_kernel_needed gw_needs_quantized;           /* a quantized result */
gw_kernel_needed gw_needs_f16_source;          /* source 0 in F16 */
gw_kernel_needed gw_needs_columns_of_a_kernel; /* columns in F16 for a kernel of another type */

#endif
