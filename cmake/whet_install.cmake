# make install: the program and its manual page, both libraries, the public headers, pkg-config and CMake package files.
include(CMakePackageConfigHelpers)

install(TARGETS whet_static whet_shared EXPORT whet-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS whet_depends EXPORT whet-targets)
if(TARGET whet)
    install(TARGETS whet RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET whet_manual)
    install(FILES ${PROJECT_BINARY_DIR}/whet.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/whet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING
    PATTERN "*.h" PATTERN "*.def")

# The pkg-config file finds its prefix from where it lies, so that `cmake --install --prefix` and moving the tree work;
# with an absolute CMAKE_INSTALL_LIBDIR (some packagers set it so) there is no such way, and the prefix is fixed.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(WHET_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
    file(RELATIVE_PATH whet_pc_up /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
    string(REGEX REPLACE "/$" "" whet_pc_up "${whet_pc_up}")
    set(WHET_PC_PREFIX "\${pcfiledir}/${whet_pc_up}")
endif()
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${prefix}" OUTPUT_VARIABLE WHET_PC_LIBDIR)
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${prefix}" OUTPUT_VARIABLE WHET_PC_INCLUDEDIR)
configure_file(${PROJECT_SOURCE_DIR}/cmake/whet.pc.in ${PROJECT_BINARY_DIR}/whet.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/whet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(whet_package ${CMAKE_INSTALL_LIBDIR}/cmake/whet)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/whet-config.cmake.in ${PROJECT_BINARY_DIR}/whet-config.cmake
    INSTALL_DESTINATION ${whet_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/whet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/whet-config.cmake ${PROJECT_BINARY_DIR}/whet-config-version.cmake
    DESTINATION ${whet_package})
install(EXPORT whet-targets NAMESPACE whet:: DESTINATION ${whet_package})
