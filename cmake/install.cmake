# Where files are installed. The plug-in goes into ggml's backend directory (GGML_BACKEND_DIR), whatever the prefix:
# only there ggml's loader finds it and prefers it to the stock plug-in.
install(TARGETS ggwire libggwire
	RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

# The stock server's name, so that existing scripts start ours.
install(CODE "
	set(dir \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
	file(CREATE_LINK ggwire \"\${dir}/ggml-rpc-server\" SYMBOLIC)
	message(STATUS \"Installing: \${dir}/ggml-rpc-server -> ggwire\")
")

if(GGML_BACKEND_DIR)
	install(TARGETS ggml-rpc-ggwire LIBRARY DESTINATION ${GGML_BACKEND_DIR})
else()
	install(TARGETS ggml-rpc-ggwire LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/ggwire)
	install(CODE "message(WARNING \"this ggml names no backend directory: load \"
		\"${CMAKE_INSTALL_FULL_LIBDIR}/ggwire/libggml-rpc-ggwire.so with GGML_BACKEND_PATH, or configure with -DGGML_BACKEND_DIR=\")")
endif()

# In a separate directory, because libggml-dev has a header of this name.
install(FILES include/ggml-rpc.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ggwire)

configure_file(cmake/ggwire.pc.in ${CMAKE_BINARY_DIR}/generated/ggwire.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/ggwire.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/ggwire-config.cmake.in ${CMAKE_BINARY_DIR}/generated/ggwire-config.cmake
	INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ggwire
	PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/ggwire-config-version.cmake
	COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/ggwire-config.cmake
	${CMAKE_BINARY_DIR}/generated/ggwire-config-version.cmake
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ggwire)

foreach(section 1 5 7)
	file(GLOB man_pages CONFIGURE_DEPENDS man/*.${section})
	install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# An example: /etc/ggwire.conf belongs to the machine's administrator.
install(FILES packaging/ggwire.conf packaging/ggwire.dnssd DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# systemd looks for units below /usr and /usr/local only, in this directory.
set(GGWIRE_UNIT_DIR "lib/systemd/system" CACHE STRING "Directory of systemd units, below the prefix unless absolute")
configure_file(packaging/ggwire.service.in ${CMAKE_BINARY_DIR}/generated/ggwire.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/ggwire.service packaging/ggwire.socket DESTINATION ${GGWIRE_UNIT_DIR})
install(FILES packaging/ggwire.sysusers DESTINATION lib/sysusers.d RENAME ggwire.conf)

# bash and fish find a command's file by its name; zsh's file names both commands itself.
set(bash_dir ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
set(fish_dir ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES completions/ggwire DESTINATION ${bash_dir})
install(FILES completions/ggwire.fish DESTINATION ${fish_dir})
install(FILES completions/_ggwire DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(CODE "
	set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
	file(CREATE_LINK ggwire \"\${prefix}/${bash_dir}/ggml-rpc-server\" SYMBOLIC)
	file(CREATE_LINK ggwire.fish \"\${prefix}/${fish_dir}/ggml-rpc-server.fish\" SYMBOLIC)
")

if(GGWIRE_SYSROOT)
	install(CODE "message(WARNING \"built against ${GGWIRE_SYSROOT}: the installed programs run only on this machine, \"
		\"and only while that directory exists. For a real installation, install libggml-dev and configure again.\")")
endif()
