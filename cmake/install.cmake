# `cmake --install` puts the headers, the library, a package that find_package(goro) finds, and the script for gdb.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(goro_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/goro)

install(
  TARGETS goro
  EXPORT goro-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET goro_page)
  install(
    TARGETS goro_page
    EXPORT goro-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
# Without its target, which goro-config.cmake makes where it finds Boost.
install(FILES ${goro_asio_header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/goro)
install(
  EXPORT goro-targets
  NAMESPACE goro::
  DESTINATION ${goro_package_dir})

configure_package_config_file(cmake/goro-config.cmake.in ${PROJECT_BINARY_DIR}/goro-config.cmake
                              INSTALL_DESTINATION ${goro_package_dir})
# Before 1.0 every minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/goro-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/goro-config.cmake ${PROJECT_BINARY_DIR}/goro-config-version.cmake
        DESTINATION ${goro_package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/tools/gdb/goro.py DESTINATION ${CMAKE_INSTALL_DATADIR}/goro/gdb)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
