# goro::page: the live page of goro/page.hpp, in a library of its own. Building it takes Boost's headers, and Node.js
# with npm, which fetches the library that draws the plots (src/page/web/package-lock.json says which, by its hash).
# Who uses it needs none of these. Where one is missing there is no goro::page, and all else is built.
#
# npm is asked when the build is configured, once for each build folder and lock file, so that the build itself needs
# no network; what npm has in its own cache it does not fetch.
if(NOT GORO_BUILD_PAGE)
  return()
endif()

set(goro_page_web ${PROJECT_SOURCE_DIR}/src/page/web)
set(goro_page_build ${PROJECT_BINARY_DIR}/page)

# Sets goro_page_missing to what there is not.
function(goro_fetch_page_modules)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${goro_page_web}/package-lock.json)
  file(SHA256 ${goro_page_web}/package-lock.json wanted)
  set(stamp ${goro_page_build}/fetched)
  if(EXISTS ${stamp})
    file(READ ${stamp} fetched)
    if(fetched STREQUAL wanted)
      return()
    endif()
  endif()
  find_program(GORO_NPM npm)
  if(NOT GORO_NPM)
    set(goro_page_missing "npm is missing" PARENT_SCOPE)
    return()
  endif()
  file(COPY ${goro_page_web}/package.json ${goro_page_web}/package-lock.json DESTINATION ${goro_page_build})
  execute_process(
    COMMAND ${GORO_NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1
            --fetch-timeout=30000
    WORKING_DIRECTORY ${goro_page_build}
    RESULT_VARIABLE status
    OUTPUT_FILE ${goro_page_build}/npm.log
    ERROR_FILE ${goro_page_build}/npm.log
    TIMEOUT 120)
  if(NOT status EQUAL 0)
    set(goro_page_missing "npm cannot fetch what the page is made of (page/npm.log)" PARENT_SCOPE)
    return()
  endif()
  file(WRITE ${stamp} ${wanted})
endfunction()

set(goro_page_missing "")
find_program(GORO_NODE NAMES node nodejs)
if(NOT TARGET Boost::headers)
  set(goro_page_missing "Boost is missing")
elseif(NOT GORO_NODE)
  set(goro_page_missing "Node.js is missing")
else()
  goro_fetch_page_modules()
endif()
if(goro_page_missing)
  message(STATUS "goro: no target goro::page: ${goro_page_missing}")
  return()
endif()

file(GLOB goro_page_parts CONFIGURE_DEPENDS ${goro_page_web}/*.html ${goro_page_web}/*.css ${goro_page_web}/*.js)
add_custom_command(
  OUTPUT ${goro_page_build}/page_html.cpp
  COMMAND ${GORO_NODE} ${goro_page_web}/bundle.mjs ${goro_page_build}/node_modules ${goro_page_build}/page_html.cpp
  DEPENDS ${goro_page_web}/bundle.mjs ${goro_page_parts} ${goro_page_build}/fetched
  COMMENT "Bundling the live page"
  VERBATIM)

file(GLOB goro_page_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/page/*.cpp)
add_library(goro_page)
add_library(goro::page ALIAS goro_page)
target_sources(
  goro_page
  PRIVATE ${goro_page_sources} ${goro_page_build}/page_html.cpp
  PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${goro_page_header})
target_include_directories(goro_page PRIVATE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
target_link_libraries(goro_page PUBLIC goro PRIVATE $<BUILD_INTERFACE:Boost::headers>)
set_target_properties(
  goro_page
  PROPERTIES EXPORT_NAME page
             VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
             VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
goro_enable_warnings(goro_page)
