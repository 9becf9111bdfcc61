# XXH3, with which ggwire peers name weights, needs only xxhash.h, and only to build. Without it they use FNV-1a, like
# stock peers.
set(GGWIRE_XXH3 AUTO CACHE STRING "XXH3 hashes between ggwire peers: ON, OFF, or AUTO (where xxhash.h is found)")
set_property(CACHE GGWIRE_XXH3 PROPERTY STRINGS AUTO ON OFF)

set(GGWIRE_HAS_XXH3 OFF)
if(NOT GGWIRE_XXH3 STREQUAL "OFF")
	find_path(GGWIRE_XXHASH_INCLUDE xxhash.h)
	if(GGWIRE_XXHASH_INCLUDE)
		set(GGWIRE_HAS_XXH3 ON)
	elseif(GGWIRE_XXH3 STREQUAL "ON")
		message(FATAL_ERROR "GGWIRE_XXH3 is ON, but xxhash.h was not found: install libxxhash-dev")
	endif()
endif()

add_library(gw_xxhash INTERFACE)
if(GGWIRE_HAS_XXH3)
	target_include_directories(gw_xxhash SYSTEM INTERFACE "${GGWIRE_XXHASH_INCLUDE}")
	target_compile_definitions(gw_xxhash INTERFACE GGWIRE_XXH3)
endif()
message(STATUS "XXH3: ${GGWIRE_HAS_XXH3}")
