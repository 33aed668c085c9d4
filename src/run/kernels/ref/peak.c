/* peak.c - the tables of run/kernels/peak.h, and their portable rows. */
#include "run/kernels/peak.h"
#include <math.h>
#include <string.h>
#include "base/compiler.h"
#include "base/cpu.h"

/* FP_FAST_FMAF: the machine has the instruction, so that fmaf is no call. */
#ifdef FP_FAST_FMAF
#define MULTIPLY_ADD(a, b, c) fmaf((a), (b), (c))
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

/* The accumulator is a factor too: else the product, the same in every round, could be made once. */
double wt_peak_f32_c(size_t rounds)
{
    volatile float given = 1;
    const float one = given;
    float acc[WT_PEAK_F32_C] = { 0 };
    double sum = 0;
    for (size_t r = 0; r < rounds; r++) {
        WT_UNROLL
        for (int i = 0; i < WT_PEAK_F32_C; i++)
            acc[i] = MULTIPLY_ADD(acc[i], one, one);
    }
    for (int i = 0; i < WT_PEAK_F32_C; i++)
        sum += (double)acc[i];
    return sum;
}

/* Plain C has no way to ask for a dot product but to write one, over memory of the first cache. */
double wt_peak_i8_c(size_t rounds)
{
    enum { SHIFTS = 64 };
    volatile signed char given = 1;
    int8_t a[WT_PEAK_I8_C + SHIFTS], b[WT_PEAK_I8_C];
    uint64_t sum = 0;
    memset(a, given, sizeof a);
    memset(b, given, sizeof b);
    for (size_t r = 0; r < rounds; r++) {
        const int8_t *x = a + r % SHIFTS; /* elsewhere in each round, so that each must be computed */
        int32_t dot = 0;
        for (int i = 0; i < WT_PEAK_I8_C; i++)
            dot += x[i] * b[i];
        sum += (uint32_t)dot;
    }
    return (double)sum;
}

const wt_peak_row wt_peak_f32_rows[] = {
    { "c", 0, WT_PEAK_F32_C, wt_peak_f32_c },
#if WT_X86
    { "avx2", WT_CPU_AVX2, WT_PEAK_F32_AVX2, wt_peak_f32_avx2 },
    { "avx512", WT_CPU_AVX512, WT_PEAK_F32_AVX512, wt_peak_f32_avx512 },
#endif
    { 0 },
};

const wt_peak_row wt_peak_i8_rows[] = {
    { "c", 0, WT_PEAK_I8_C, wt_peak_i8_c },
#if WT_X86
    { "avx2", WT_CPU_AVX2, WT_PEAK_I8_AVX2, wt_peak_i8_avx2 },
    { "avxvnni", WT_CPU_AVXVNNI, WT_PEAK_I8_AVXVNNI, wt_peak_i8_avxvnni },
    { "avx512vnni", WT_CPU_AVX512VNNI, WT_PEAK_I8_AVX512VNNI, wt_peak_i8_avx512vnni },
#endif
    { 0 },
};

const wt_peak_row wt_peak_bf16_rows[] = {
#if WT_X86
    { "avx512bf16", WT_CPU_AVX512BF16, WT_PEAK_BF16_AVX512BF16, wt_peak_bf16_avx512bf16 },
#endif
    { 0 },
};
