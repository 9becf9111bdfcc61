# ggml: the headers and libraries for the build, and the directory from which ggml loads its backends.
#   GGML_BACKEND_DIR     where ggml looks for plug-ins; ours is installed there
#   GGWIRE_GGML_INCLUDE  ggml's headers. If the user sets it, a build without tests needs nothing else
if(GGWIRE_GGML_INCLUDE AND NOT GGWIRE_TESTS)
	add_library(ggml_headers INTERFACE)
	target_include_directories(ggml_headers SYSTEM INTERFACE "${GGWIRE_GGML_INCLUDE}")
	set(GGML_BACKEND_DIR "" CACHE PATH "Directory of ggml's backend plug-ins")
	set(GGWIRE_RUN_BACKEND_DIR "")
	message(STATUS "ggml: headers of ${GGWIRE_GGML_INCLUDE}")
	return()
endif()

find_package(ggml QUIET)
if(NOT ggml_FOUND)
	message(FATAL_ERROR
		"ggml was not found. Install libggml-dev (Debian 13 with backports, or testing), set -Dggml_DIR=, "
		"or run plain 'make', which fetches ggml into build/sysroot.")
endif()

# What is found has a variable of its own: the next configuration must not take it for the user's.
if(NOT GGWIRE_GGML_INCLUDE)
	find_path(GGWIRE_GGML_FOUND_INCLUDE ggml-backend.h HINTS "${GGML_INCLUDE_DIR}" REQUIRED)
	set(GGWIRE_GGML_INCLUDE "${GGWIRE_GGML_FOUND_INCLUDE}")
endif()
find_library(GGWIRE_GGML_BASE NAMES ggml-base HINTS "${GGML_LIB_DIR}" REQUIRED)
find_library(GGWIRE_GGML NAMES ggml HINTS "${GGML_LIB_DIR}" REQUIRED)

# Our own programs and libraries are not linked with ggml: they look up its functions at run time. Tests are linked,
# even if they do not call ggml themselves.
add_library(ggml_headers INTERFACE)
target_include_directories(ggml_headers SYSTEM INTERFACE "${GGWIRE_GGML_INCLUDE}")
add_library(ggml_base INTERFACE)
target_link_libraries(ggml_base INTERFACE -Wl,--push-state,--no-as-needed "${GGWIRE_GGML_BASE}" -Wl,--pop-state ggml_headers)
# Adds the registry of backends.
add_library(ggml_registry INTERFACE)
target_link_libraries(ggml_registry INTERFACE "${GGWIRE_GGML}" ggml_base)

# The package's configuration sets GGML_BACKEND_DIR if backends are plug-ins, and nothing if they are linked in.
set(_from_package "${GGML_BACKEND_DIR}")
set(GGML_BACKEND_DIR "${_from_package}" CACHE PATH "Directory of ggml's backend plug-ins")

# A ggml from the sysroot has the path of an installed system compiled in. Programs in the build tree need the real
# path.
set(GGWIRE_RUN_BACKEND_DIR "")
if(GGWIRE_SYSROOT)
	set(GGWIRE_RUN_BACKEND_DIR "${GGWIRE_SYSROOT}${_from_package}")
endif()

message(STATUS "ggml ${ggml_VERSION}: ${GGWIRE_GGML_BASE}")
message(STATUS "ggml's backend directory: ${GGML_BACKEND_DIR}")
