# How every translation unit is compiled.
#
# - Contraction of a*b+c is off outside instruction-set kernels: the portable reference must give the same bits with
#   every compiler, or comparing kernels with it would be comparing compilers.
# - No -march and no -ffast-math anywhere: what an instruction-set kernel may use is said per file, by its suffix.
add_library(whet_flags INTERFACE)
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "Flags of the Release build" FORCE)
target_compile_definitions(whet_flags INTERFACE _GNU_SOURCE)
target_compile_options(whet_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off)
if(WHET_WERROR)
    target_compile_options(whet_flags INTERFACE -Werror)
endif()
# The build id tells a result of this program from one of another build.
target_link_options(whet_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--build-id=sha1)

if(WHET_FUZZ)
    set(WHET_SANITIZE fuzzer-no-link,address,undefined)
endif()
if(WHET_SANITIZE)
    set(sanitize -fsanitize=${WHET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_compile_options(${sanitize})
    add_link_options(${sanitize})
else()
    target_compile_options(whet_flags INTERFACE $<$<CONFIG:Release>:-fstack-protector-strong>)
    # Redefined on purpose: some distributions switch a level on by themselves.
    target_compile_options(whet_flags INTERFACE $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" whet_processor)
if(whet_processor MATCHES "^(x86_64|amd64)$")
    set(WHET_X86 TRUE)
elseif(whet_processor MATCHES "^(aarch64|arm64)$")
    set(WHET_ARM64 TRUE)
endif()

# Suffix of a kernel's file name -> the instructions it may use beyond the baseline. One row for each level; the
# flags of a level are complete, so rows need no order. A file without a known suffix is portable C.
set(whet_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(whet_avx512 ${whet_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd)
set(whet_isa_avx2 ${whet_avx2})
set(whet_isa_avxvnni ${whet_avx2} -mavxvnni)
set(whet_isa_avx512 ${whet_avx512})
set(whet_isa_avx512vnni ${whet_avx512} -mavx512vnni)
set(whet_isa_avx512bf16 ${whet_avx512} -mavx512bf16)
set(whet_isa_avx512vbmi ${whet_avx512} -mavx512vbmi)

# whet_kernel_sources(FILE...): kernels of the calling folder. They get -O3, no stack protector (it would sit in the
# innermost calls) and the flags of their suffix. Nobody reads errno or floating-point traps behind a kernel; saying so
# changes no result, but lets loops with a square root or a choice between two products become vector code.
function(whet_kernel_sources)
    target_sources(whet_objects PRIVATE ${ARGN})
    foreach(file IN LISTS ARGN)
        set(options $<$<CONFIG:Release>:-O3> $<$<CONFIG:Release>:-fno-stack-protector> -fno-math-errno
            -fno-trapping-math)
        string(REGEX MATCH "_([a-z0-9]+)\\.c$" match "${file}")
        if(match AND DEFINED whet_isa_${CMAKE_MATCH_1})
            list(APPEND options ${whet_isa_${CMAKE_MATCH_1}} -ffp-contract=fast)
        endif()
        if(WHET_FUZZ)
            # Fuzzers read files; they run no kernel. Instrumenting unrolled register tiles takes clang ten minutes a file.
            list(APPEND options -O0 -fno-sanitize=all)
        endif()
        set_source_files_properties(${file} TARGET_DIRECTORY whet_objects PROPERTIES COMPILE_OPTIONS "${options}")
    endforeach()
endfunction()
