# `cmake --install`: the headers, the library of the first instruction set listed, and what find_package
# needs to offer it as hscore::hscore. The public headers need the standard library alone; programs
# compile with the OpenMP that the library was built with, because parallel_for is a template.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/hscore)

install(TARGETS hscore_${first} EXPORT hscoreTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY cpp/include/hscore DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT hscoreTargets NAMESPACE hscore:: DESTINATION ${package})

configure_package_config_file(cmake/hscoreConfig.cmake.in hscoreConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(hscoreConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hscoreConfig.cmake ${PROJECT_BINARY_DIR}/hscoreConfigVersion.cmake
        DESTINATION ${package})
