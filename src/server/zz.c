typedef int gw_server_placeholder;
