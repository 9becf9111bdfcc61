# Toolchain file of tools/release: builds against the packages that `tools/sysroot --with release` unpacked, for any
# machine of their architecture. The results do not contain the path of that directory.
#   GGWIRE_RELEASE_SYSROOT   that directory
#   GGWIRE_RELEASE_TRIPLET   of the architecture: x86_64-linux-gnu, aarch64-linux-gnu
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GGWIRE_RELEASE_SYSROOT GGWIRE_RELEASE_TRIPLET)
set(CMAKE_SYSTEM_NAME Linux)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${GGWIRE_RELEASE_TRIPLET}")
set(CMAKE_C_COMPILER ${GGWIRE_RELEASE_TRIPLET}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${GGWIRE_RELEASE_TRIPLET})
set(CMAKE_C_LIBRARY_ARCHITECTURE ${GGWIRE_RELEASE_TRIPLET})

set(CMAKE_SYSROOT "${GGWIRE_RELEASE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# By default the compiler searches this machine's C library before the sysroot.
add_link_options("-L${GGWIRE_RELEASE_SYSROOT}/usr/lib/${GGWIRE_RELEASE_TRIPLET}")

# Some distributions lack these two.
set(GGWIRE_SECCOMP_LIBRARY "${GGWIRE_RELEASE_SYSROOT}/usr/lib/${GGWIRE_RELEASE_TRIPLET}/libseccomp.a" CACHE FILEPATH "")
set(GGWIRE_NCURSES_LIBRARY "${GGWIRE_RELEASE_SYSROOT}/usr/lib/${GGWIRE_RELEASE_TRIPLET}/libncursesw.a" CACHE FILEPATH "")
set(GGWIRE_TINFO_LIBRARY "${GGWIRE_RELEASE_SYSROOT}/usr/lib/${GGWIRE_RELEASE_TRIPLET}/libtinfo.a" CACHE FILEPATH "")
