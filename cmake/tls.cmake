# TLS with pre-shared keys needs OpenSSL's headers, 3.0 or newer, to build (libssl-dev). The library itself is loaded
# when a key is first used, so one binary runs on machines with and without it.
set(GGWIRE_TLS AUTO CACHE STRING "TLS: ON, OFF, or AUTO (where openssl/ssl.h of OpenSSL 3 is found)")
set_property(CACHE GGWIRE_TLS PROPERTY STRINGS AUTO ON OFF)
if(NOT GGWIRE_TLS MATCHES "^(AUTO|ON|OFF)$")
	message(FATAL_ERROR "GGWIRE_TLS is ${GGWIRE_TLS}: use ON, OFF or AUTO")
endif()

set(GGWIRE_HAS_TLS OFF)
if(NOT GGWIRE_TLS STREQUAL "OFF")
	find_path(GGWIRE_OPENSSL_INCLUDE openssl/core_names.h)
	# Debian keeps one architecture-dependent header in a separate directory.
	find_path(GGWIRE_OPENSSL_ARCH_INCLUDE openssl/configuration.h)
	if(GGWIRE_OPENSSL_INCLUDE AND GGWIRE_OPENSSL_ARCH_INCLUDE)
		set(GGWIRE_HAS_TLS ON)
		add_library(gw_openssl_headers INTERFACE)
		target_include_directories(gw_openssl_headers SYSTEM INTERFACE
			"${GGWIRE_OPENSSL_INCLUDE}" "${GGWIRE_OPENSSL_ARCH_INCLUDE}")
		target_compile_definitions(gw_openssl_headers INTERFACE GGWIRE_TLS)
	elseif(GGWIRE_TLS STREQUAL "ON")
		message(FATAL_ERROR "GGWIRE_TLS is ON, but OpenSSL 3's headers were not found: install libssl-dev")
	endif()
endif()

if(GGWIRE_HAS_TLS)
	message(STATUS "TLS: yes, ${GGWIRE_OPENSSL_INCLUDE}/openssl/ssl.h")
elseif(GGWIRE_TLS STREQUAL "OFF")
	message(STATUS "TLS: no, switched off (GGWIRE_TLS)")
else()
	message(STATUS "TLS: no, OpenSSL 3's headers were not found (libssl-dev has them)")
endif()
