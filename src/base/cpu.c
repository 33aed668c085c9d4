/* cpu.c - which instruction sets kernels may use.
 *
 * A bundle is on only when the core has all of it and the operating system saves the registers it needs (XCR0):
 * a hypervisor may show AVX-512 in cpuid and not save zmm. */
#include "base/cpu.h"
#include "whet/context.h"
#include <stdbool.h>
#include <string.h>
#include "base/compiler.h"
#if WT_X86
#include <cpuid.h>
#elif WT_ARM64 && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if WT_X86
static bool all_set(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

uint32_t wt_cpu_detect(void)
{
    enum { YMM_STATE = 0x6, ZMM_STATE = 0xe6, TILE_STATE = 0x60000 };
    uint32_t a, b, c, d, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (all_set(c, 1u << 20 | 1u << 23 | 1u << 9)) /* SSE4.2, POPCNT, SSSE3 */
        flags |= WT_CPU_SSE42;
    const uint64_t state = c & 1u << 27 /* OSXSAVE */ ? wt_xgetbv() : 0;
    const bool fma_f16c = all_set(c, 1u << 12 | 1u << 28 | 1u << 29); /* FMA, AVX, F16C */
    uint32_t b7, c7, d7, a71 = 0;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
        return flags;
    if (a >= 1)
        __get_cpuid_count(7, 1, &a71, &b, &c, &d);
    if (all_set(state, YMM_STATE) && fma_f16c && all_set(b7, 1u << 3 | 1u << 5 | 1u << 8)) { /* BMI1, AVX2, BMI2 */
        flags |= WT_CPU_AVX2;
        flags |= a71 & 1u << 4 ? WT_CPU_AVXVNNI : 0;
    }
    const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F, DQ, CD, BW, VL */
    if (flags & WT_CPU_AVX2 && all_set(state, ZMM_STATE) && all_set(b7, avx512)) {
        flags |= WT_CPU_AVX512;
        flags |= c7 & 1u << 11 ? WT_CPU_AVX512VNNI : 0;
        flags |= c7 & 1u << 1 ? WT_CPU_AVX512VBMI : 0;
        flags |= a71 & 1u << 5 ? WT_CPU_AVX512BF16 : 0;
        if (all_set(state, TILE_STATE) && all_set(d7, 1u << 22 | 1u << 24 | 1u << 25)) /* AMX: BF16, TILE, INT8 */
            flags |= WT_CPU_AMX;
    }
    return flags;
}
#elif WT_ARM64 && defined(__linux__)
uint32_t wt_cpu_detect(void)
{
    const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    uint32_t flags = cap & HWCAP_ASIMD ? WT_CPU_NEON : 0;
    if (!flags)
        return 0;
    flags |= cap & HWCAP_ASIMDDP ? WT_CPU_DOTPROD : 0;
    flags |= cap & HWCAP_ASIMDHP ? WT_CPU_FP16 : 0;
    flags |= cap2 & HWCAP2_I8MM ? WT_CPU_I8MM : 0;
    flags |= cap2 & HWCAP2_BF16 ? WT_CPU_BF16 : 0;
    return flags;
}
#elif WT_ARM64
uint32_t wt_cpu_detect(void) { return WT_CPU_NEON; } /* every 64-bit ARM core has it */
#else
uint32_t wt_cpu_detect(void) { return 0; }
#endif

/* A level holds its own flag and all below it. AVX-512 without VNNI leaves out the 256-bit VNNI too: who asks for
 * "avx512" wants to see the machine without dot-product instructions. */
enum {
    UP_TO_SSE42 = WT_CPU_SSE42,
    UP_TO_AVX2 = UP_TO_SSE42 | WT_CPU_AVX2,
    UP_TO_AVXVNNI = UP_TO_AVX2 | WT_CPU_AVXVNNI,
    UP_TO_AVX512 = UP_TO_AVX2 | WT_CPU_AVX512,
    UP_TO_AVX512VNNI = UP_TO_AVX512 | UP_TO_AVXVNNI | WT_CPU_AVX512VNNI,
    UP_TO_AVX512VBMI = UP_TO_AVX512VNNI | WT_CPU_AVX512VBMI,
    UP_TO_AVX512BF16 = UP_TO_AVX512VBMI | WT_CPU_AVX512BF16,
    UP_TO_AMX = UP_TO_AVX512BF16 | WT_CPU_AMX,
    UP_TO_FP16 = WT_CPU_NEON | WT_CPU_FP16,
    UP_TO_DOTPROD = UP_TO_FP16 | WT_CPU_DOTPROD,
    UP_TO_I8MM = UP_TO_DOTPROD | WT_CPU_I8MM,
    UP_TO_BF16 = UP_TO_I8MM | WT_CPU_BF16
};
static const struct {
    const char *name;
    uint32_t flag, level;
} levels[] = {
    { "c", WT_CPU_C, 0 },
    { "sse42", WT_CPU_SSE42, UP_TO_SSE42 },
    { "avx2", WT_CPU_AVX2, UP_TO_AVX2 },
    { "avxvnni", WT_CPU_AVXVNNI, UP_TO_AVXVNNI },
    { "avx512", WT_CPU_AVX512, UP_TO_AVX512 },
    { "avx512vnni", WT_CPU_AVX512VNNI, UP_TO_AVX512VNNI },
    { "avx512vbmi", WT_CPU_AVX512VBMI, UP_TO_AVX512VBMI },
    { "avx512bf16", WT_CPU_AVX512BF16, UP_TO_AVX512BF16 },
    { "amx", WT_CPU_AMX, UP_TO_AMX },
    { "neon", WT_CPU_NEON, WT_CPU_NEON },
    { "fp16", WT_CPU_FP16, UP_TO_FP16 },
    { "dotprod", WT_CPU_DOTPROD, UP_TO_DOTPROD },
    { "i8mm", WT_CPU_I8MM, UP_TO_I8MM },
    { "bf16", WT_CPU_BF16, UP_TO_BF16 },
};

const char *wt_cpu_flag_name(uint32_t flag)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(levels); i++)
        if (levels[i].flag == flag)
            return levels[i].name;
    return NULL;
}

uint32_t wt_cpu_mask_parse(const char *text)
{
    for (size_t i = 0; text && i < WT_ARRAY_LEN(levels); i++)
        if (strcmp(levels[i].name, text) == 0)
            return levels[i].level | WT_CPU_C;
    return 0;
}

uint32_t wt_cpu_levels(const char *name) { return wt_cpu_mask_parse(name); }
