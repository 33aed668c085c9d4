/* compiler.h - the only place where compiler extensions are named. */
#ifndef WT_COMPILER_H
#define WT_COMPILER_H
#define WT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WT_UNUSED __attribute__((unused))
#define WT_INLINE static inline __attribute__((always_inline))
#define WT_NOINLINE __attribute__((noinline))
#define WT_ALIGNED(n) __attribute__((aligned(n)))
#define WT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#endif
