# Hardening of everything that is built: the plug-in and the tools parse what a network sends, too. Each flag is used where
# the compiler has it. Sanitizers replace _FORTIFY_SOURCE, whose checked functions they do not know.
option(GGWIRE_HARDENING "Build with hardening flags" ON)

if(GGWIRE_HARDENING)
	include(CheckCCompilerFlag)
	include(CheckPIESupported)
	check_pie_supported(LANGUAGES C)
	# clang only warns of flags that are for other processors.
	set(CMAKE_REQUIRED_FLAGS -Werror)
	# The last two protect return and jump targets, on x86-64 and on arm64.
	foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection -mbranch-protection=standard)
		string(MAKE_C_IDENTIFIER "GGWIRE_CC${flag}" supported)
		check_c_compiler_flag(${flag} ${supported})
		if(${supported})
			add_compile_options(${flag})
		endif()
	endforeach()
	unset(CMAKE_REQUIRED_FLAGS)
	if(NOT GGWIRE_SANITIZE AND NOT GGWIRE_FUZZ)
		# glibc refuses it without optimization. Some compilers define another level by themselves.
		add_compile_options("$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
	endif()
	add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
