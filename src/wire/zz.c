typedef int gw_wire_placeholder;
