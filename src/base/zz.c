typedef int gw_base_placeholder;
