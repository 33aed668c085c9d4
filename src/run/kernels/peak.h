/* peak.h - loops of nothing but multiply-adds, one row for each instruction: what a core computes in a second when it
 * waits for no memory.
 *
 * A row has more independent chains of accumulators than latency times throughput of the instruction (4 cycles, two a
 * cycle at most), all in registers. Its operands are ones, so that the accumulators count: run returns how many
 * products were added, which is how a test knows that nothing was left out. (Past 2^24 a float stops counting, at the
 * same speed.) */
#ifndef WT_KERNEL_PEAK_H
#define WT_KERNEL_PEAK_H
#include <stddef.h>
#include <stdint.h>

typedef double wt_peak_fn(size_t rounds);

typedef struct wt_peak_row {
    const char *isa;
    uint32_t need; /* WT_CPU_* */
    int products;  /* multiply-adds in a round: two operations each */
    wt_peak_fn *run;
} wt_peak_row;

/* Each ends with a row whose isa is NULL. The first row is portable C; of bf16 products, which plain C would only
 * make from float ones, there is none. */
extern const wt_peak_row wt_peak_f32_rows[], wt_peak_i8_rows[], wt_peak_bf16_rows[];

wt_peak_fn wt_peak_f32_c, wt_peak_i8_c;
wt_peak_fn wt_peak_f32_avx2, wt_peak_i8_avx2, wt_peak_i8_avxvnni, wt_peak_f32_avx512, wt_peak_i8_avx512vnni,
    wt_peak_bf16_avx512bf16;
/* Products in a round: chains, times lanes, times what one lane adds up. */
enum {
    WT_PEAK_F32_C = 32,
    WT_PEAK_I8_C = 1024,
    WT_PEAK_F32_AVX2 = 12 * 8,
    WT_PEAK_I8_AVX2 = 4 * 32,
    WT_PEAK_I8_AVXVNNI = 12 * 32,
    WT_PEAK_F32_AVX512 = 16 * 16,
    WT_PEAK_I8_AVX512VNNI = 16 * 64,
    WT_PEAK_BF16_AVX512BF16 = 16 * 32
};
#endif
