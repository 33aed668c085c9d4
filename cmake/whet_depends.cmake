# The libraries the program stands on: jansson (JSON), and libpng, libjpeg and zlib unless WHET_WITH_IMAGES is off,
# libxml2 unless WHET_WITH_OPENVINO is.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
add_library(whet_depends INTERFACE)

# whet_depend(MODULE DEBIAN_PACKAGE): a pkg-config module, or an error that says what to install.
function(whet_depend module package)
    string(MAKE_C_IDENTIFIER ${module} name)
    pkg_check_modules(${name} IMPORTED_TARGET ${module})
    if(NOT ${name}_FOUND)
        set(arch "")
        if(CMAKE_CROSSCOMPILING)
            set(arch ":${WHET_DEBIAN_ARCH}")
        endif()
        message(FATAL_ERROR "${module} was not found; on Debian: apt-get install ${package}${arch}")
    endif()
    target_link_libraries(whet_depends INTERFACE $<BUILD_INTERFACE:PkgConfig::${name}>)
    set(WHET_PC_REQUIRES "${WHET_PC_REQUIRES} ${module}" PARENT_SCOPE)
endfunction()

set(WHET_PC_REQUIRES "")
whet_depend(jansson libjansson-dev)
if(WHET_WITH_IMAGES)
    whet_depend(libpng libpng-dev)
    whet_depend(libjpeg libjpeg62-turbo-dev)
    whet_depend(zlib zlib1g-dev) # compressed .npz and IDX files; libpng needs it anyway
    target_compile_definitions(whet_depends INTERFACE $<BUILD_INTERFACE:WHET_WITH_IMAGES=1>)
else()
    target_compile_definitions(whet_depends INTERFACE $<BUILD_INTERFACE:WHET_WITH_IMAGES=0>)
endif()
if(WHET_WITH_OPENVINO)
    whet_depend(libxml-2.0 libxml2-dev)
    target_compile_definitions(whet_depends INTERFACE $<BUILD_INTERFACE:WHET_WITH_OPENVINO=1>)
else()
    target_compile_definitions(whet_depends INTERFACE $<BUILD_INTERFACE:WHET_WITH_OPENVINO=0>)
endif()
target_link_libraries(whet_depends INTERFACE
    $<BUILD_INTERFACE:Threads::Threads> $<BUILD_INTERFACE:m> $<BUILD_INTERFACE:${CMAKE_DL_LIBS}>)
