/* What convolutions and their like need, whose kernels take extents from a source and write by them. Private to
 * shape_rules.c. */
#ifndef GW_DEVICE_GRAPH_CONV_RULES_H
#define GW_DEVICE_GRAPH_CONV_RULES_H

#include <stdbool.h>

#include <ggml.h>

/* Whether the node has the shape that ggml's constructor gives it. All sources that the operation needs are there. */
bool gw_im2col_ok(const struct ggml_tensor *n);
bool gw_im2col_3d_ok(const struct ggml_tensor *n);
bool gw_conv_2d_ok(const struct ggml_tensor *n);
bool gw_conv_2d_dw_ok(const struct ggml_tensor *n);
bool gw_conv_transpose_1d_ok(const struct ggml_tensor *n);
bool gw_conv_transpose_2d_ok(const struct ggml_tensor *n);
bool gw_pool_1d_ok(const struct ggml_tensor *n);
bool gw_pool_2d_ok(const struct ggml_tensor *n);
bool gw_ssm_conv_ok(const struct ggml_tensor *n);

#endif
