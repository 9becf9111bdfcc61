# Toolchain file: builds with the machine's compiler against the packages that tools/sysroot unpacked. Programs run
# natively: they name the sysroot's loader and find its libraries by RPATH (RUNPATH does not apply to the libraries' own
# dependencies).
if(NOT GGWIRE_SYSROOT)
	get_filename_component(GGWIRE_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot" ABSOLUTE)
endif()
set(GGWIRE_SYSROOT "${GGWIRE_SYSROOT}" CACHE PATH "Directory that tools/sysroot filled")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GGWIRE_SYSROOT)
if(NOT EXISTS "${GGWIRE_SYSROOT}/.complete")
	message(FATAL_ERROR "${GGWIRE_SYSROOT} is not complete: run tools/sysroot first")
endif()

set(CMAKE_SYSROOT "${GGWIRE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

file(GLOB _loader "${GGWIRE_SYSROOT}/usr/lib64/ld-linux-*.so.*" "${GGWIRE_SYSROOT}/usr/lib/ld-linux-*.so.*")
file(GLOB _libdir "${GGWIRE_SYSROOT}/usr/lib/*-linux-gnu*/libggml-base.so.0")
list(GET _loader 0 _loader)
list(GET _libdir 0 _libdir)
get_filename_component(_libdir "${_libdir}" DIRECTORY)
get_filename_component(_triplet "${_libdir}" NAME)
set(CMAKE_LIBRARY_ARCHITECTURE "${_triplet}")
set(CMAKE_C_LIBRARY_ARCHITECTURE "${_triplet}")

# By default the compiler searches this machine's C library before the sysroot.
add_link_options("-L${_libdir}")

set(_flags "-Wl,--disable-new-dtags,-rpath,${_libdir}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${_flags} -Wl,--dynamic-linker=${_loader}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${_flags}")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "${_flags}")
