typedef int gw_backend_placeholder;
