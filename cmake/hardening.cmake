# Hardening of all targets: the plug-in and the tools parse untrusted network data, too. Each flag is used if the
# compiler supports it. Sanitizers replace _FORTIFY_SOURCE, because they do not know its checked functions.
option(GGWIRE_HARDENING "Build with hardening flags" ON)

if(GGWIRE_HARDENING)
	include(CheckCCompilerFlag)
	include(CheckPIESupported)
	check_pie_supported(LANGUAGES C)
	# clang only warns about flags for other processors.
	set(CMAKE_REQUIRED_FLAGS -Werror)
	# The last two protect return and jump targets on x86-64 and arm64.
	foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection -mbranch-protection=standard)
		string(MAKE_C_IDENTIFIER "GGWIRE_CC${flag}" supported)
		check_c_compiler_flag(${flag} ${supported})
		if(${supported})
			add_compile_options(${flag})
		endif()
	endforeach()
	unset(CMAKE_REQUIRED_FLAGS)
	if(NOT GGWIRE_SANITIZE AND NOT GGWIRE_FUZZ)
		# glibc rejects it without optimization. Some compilers define another level by default.
		add_compile_options("$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
	endif()
	add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
