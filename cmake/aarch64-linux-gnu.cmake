# Cross build for 64-bit ARM on Debian; tests run through qemu-user. jansson and cmocka are Debian's own arm64 packages
# (multiarch), so nothing is built on the side: `tools/setup cross` adds the architecture and installs them. The preset
# leaves the image libraries out; with libpng-dev:arm64 and libjpeg62-turbo-dev:arm64 there, WHET_WITH_IMAGES may be on.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
set(WHET_DEBIAN_ARCH arm64)
# pkg-config must not answer with the build machine's libraries.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
