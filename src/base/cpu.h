/* cpu.h - instruction sets of the core we run on, as flags; bundles (what real kernels need together) are one flag. */
#ifndef WT_CPU_H
#define WT_CPU_H
#include <stdint.h>
enum {
    WT_CPU_SSE42 = 1u << 0,
    WT_CPU_AVX2 = 1u << 1,       /* AVX2 + FMA + F16C + BMI, ymm state enabled by the system */
    WT_CPU_AVXVNNI = 1u << 2,    /* 256-bit vpdpbusd in VEX form */
    WT_CPU_AVX512 = 1u << 3,     /* F + BW + DQ + VL + CD, zmm state enabled by the system */
    WT_CPU_AVX512VNNI = 1u << 4, /* AVX512 bundle + VNNI */
    WT_CPU_AVX512BF16 = 1u << 5, /* AVX512 bundle + BF16 */
    WT_CPU_AVX512VBMI = 1u << 6, /* AVX512 bundle + VBMI */
    WT_CPU_AMX = 1u << 7,        /* tile, int8 and bf16 */
    WT_CPU_NEON = 1u << 16,
    WT_CPU_DOTPROD = 1u << 17,
    WT_CPU_I8MM = 1u << 18,
    WT_CPU_FP16 = 1u << 19,
    WT_CPU_BF16 = 1u << 20,
    WT_CPU_C = 1u << 30 /* portable C: only in masks, so that "c" is not "no mask"; never detected */
};
uint32_t wt_cpu_detect(void);                /* what the core and the system offer */
const char *wt_cpu_flag_name(uint32_t flag); /* "avx2"; NULL for a bit without a name */
/* Parses "c", "avx2", "avx512", "avx512vnni" ...: that level and all below it (always with WT_CPU_C); returns 0 on an
 * unknown name. */
uint32_t wt_cpu_mask_parse(const char *text);
#endif
