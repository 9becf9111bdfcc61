typedef int gw_ggml_placeholder;
