typedef int gw_transport_placeholder;
