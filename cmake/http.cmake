# The status page and metrics of `ggwire serve --http` need libmicrohttpd's header to build (libmicrohttpd-dev). The
# option loads the library itself, so a server without it needs none, and workers never load it.
set(GGWIRE_HTTP AUTO CACHE STRING "Status over HTTP: ON, OFF, or AUTO (where microhttpd.h is found)")
set_property(CACHE GGWIRE_HTTP PROPERTY STRINGS AUTO ON OFF)

set(GGWIRE_HAS_HTTP OFF)
if(NOT GGWIRE_HTTP STREQUAL "OFF")
	find_path(GGWIRE_MICROHTTPD_INCLUDE microhttpd.h)
	if(GGWIRE_MICROHTTPD_INCLUDE)
		set(GGWIRE_HAS_HTTP ON)
	elseif(GGWIRE_HTTP STREQUAL "ON")
		message(FATAL_ERROR "GGWIRE_HTTP is ON, but microhttpd.h was not found: install libmicrohttpd-dev")
	endif()
endif()

add_library(gw_microhttpd INTERFACE)
if(GGWIRE_HAS_HTTP)
	target_include_directories(gw_microhttpd SYSTEM INTERFACE "${GGWIRE_MICROHTTPD_INCLUDE}")
	target_compile_definitions(gw_microhttpd INTERFACE GGWIRE_HTTP)
	target_link_libraries(gw_microhttpd INTERFACE ${CMAKE_DL_LIBS})
endif()
message(STATUS "status over HTTP: ${GGWIRE_HAS_HTTP}")
