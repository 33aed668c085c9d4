/* compiler.h - the only place where compiler extensions, and what only one architecture has, are named. */
#ifndef WT_COMPILER_H
#define WT_COMPILER_H
#include <stddef.h>
#include <stdint.h>
#define WT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WT_UNUSED            __attribute__((unused))
#define WT_INLINE            static inline __attribute__((always_inline))
#define WT_NOINLINE          __attribute__((noinline))
#define WT_ALIGNED(n)        __attribute__((aligned(n)))
#define WT_LIKELY(x)         __builtin_expect(!!(x), 1)
#define WT_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define WT_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
/* Before a loop with constant bounds (at most 32 rounds) whose body indexes a small array: completely unrolled early
 * enough for the array to become registers. */
#if defined(__clang__)
#define WT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WT_UNROLL _Pragma("GCC unroll 32")
#endif
/* Before a loop: its iterations do not depend on each other, even where source and destination are the same array.
 * clang's pragma demands vector code and warns where there is none (a call of libm): it checks for overlap while
 * running instead. */
#if defined(__clang__)
#define WT_IVDEP
#else
#define WT_IVDEP _Pragma("GCC ivdep")
#endif

/* The architecture, always defined, as 0 or 1. */
#if defined(__x86_64__)
#define WT_X86 1
#else
#define WT_X86 0
#endif
#if defined(__aarch64__)
#define WT_ARM64 1
#else
#define WT_ARM64 0
#endif

/* 1 under the address sanitizer: own allocators then use plain blocks and mark what nobody may touch. */
#if defined(__SANITIZE_ADDRESS__)
#define WT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WT_ASAN 1
#endif
#endif
#ifndef WT_ASAN
#define WT_ASAN 0
#endif
#if WT_ASAN
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#define WT_POISON(addr, size)   __asan_poison_memory_region((addr), (size))
#define WT_UNPOISON(addr, size) __asan_unpoison_memory_region((addr), (size))
#else
#define WT_POISON(addr, size)   ((void)(addr), (void)(size))
#define WT_UNPOISON(addr, size) ((void)(addr), (void)(size))
#endif

#if WT_X86
/* v, a vector in a register, may have any value from here on: nothing about it is known or done only once. */
#define WT_CHANGED(v) __asm__ __volatile__("" : "+v"(v))
#endif

/* Tells the core that this is a spin loop. */
WT_INLINE void wt_pause(void)
{
#if WT_X86
    __builtin_ia32_pause();
#elif WT_ARM64
    __asm__ __volatile__("isb" ::
                             : "memory"); /* `yield` is a no-op on most cores; isb waits about as long as x86's pause */
#endif
}

/* The floating-point control word: rounding, masks, denormals. */
WT_INLINE uint64_t wt_fpu_get(void)
{
#if WT_X86
    return __builtin_ia32_stmxcsr();
#elif WT_ARM64
    uint64_t value;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
    return value;
#else
    return 0;
#endif
}
WT_INLINE void wt_fpu_set(uint64_t value)
{
#if WT_X86
    __builtin_ia32_ldmxcsr((unsigned)value);
#elif WT_ARM64
    __asm__ __volatile__("msr fpcr, %0" ::"r"(value));
#else
    (void)value;
#endif
}
/* Round to nearest, all exceptions masked, denormals read and written as zero (a denormal costs about 150 cycles). */
#if WT_X86
#define WT_FPU_FAST 0x9fc0u /* masks 0x1f80, FTZ 0x8000, DAZ 0x0040 */
#elif WT_ARM64
#define WT_FPU_FAST (1u << 24) /* FZ */
#else
#define WT_FPU_FAST 0u
#endif

#if WT_X86
/* Which register states the operating system saves (XCR0); only where cpuid says OSXSAVE. */
WT_INLINE uint64_t wt_xgetbv(void)
{
    uint32_t low, high;
    __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif
#endif
