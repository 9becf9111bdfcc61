# Discovery: Avahi's client headers are needed to build (libavahi-client-dev). The library is loaded when it is needed, so
# that one binary serves machines with and without it.
set(GGWIRE_AVAHI AUTO CACHE STRING "Discovery through Avahi: ON, OFF, or AUTO (where avahi-client/client.h is found)")
set_property(CACHE GGWIRE_AVAHI PROPERTY STRINGS AUTO ON OFF)

set(GGWIRE_HAS_AVAHI OFF)
if(NOT GGWIRE_AVAHI STREQUAL "OFF")
	find_path(GGWIRE_AVAHI_INCLUDE avahi-client/client.h)
	if(GGWIRE_AVAHI_INCLUDE)
		set(GGWIRE_HAS_AVAHI ON)
	elseif(GGWIRE_AVAHI STREQUAL "ON")
		message(FATAL_ERROR "GGWIRE_AVAHI is ON and avahi-client/client.h is not there: install libavahi-client-dev")
	endif()
endif()

add_library(gw_avahi INTERFACE)
if(GGWIRE_HAS_AVAHI)
	target_include_directories(gw_avahi SYSTEM INTERFACE "${GGWIRE_AVAHI_INCLUDE}")
	target_compile_definitions(gw_avahi INTERFACE GGWIRE_AVAHI)
endif()
message(STATUS "discovery: ${GGWIRE_HAS_AVAHI}")
