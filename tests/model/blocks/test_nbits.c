/* test_nbits.c - matrices of MatMulNBits as block formats: the same values to the last bit, or no bridge at all. */
#include <math.h>
#include <string.h>
#include "model/blocks/nbits.h"
#include "support/test.h"

enum { ROWS = 3, MOST = 512 };

typedef struct matrix {
    wt_nbits m;
    uint8_t codes[ROWS * MOST], zps[ROWS * MOST];
    float scales[ROWS * MOST], zeros[ROWS * MOST];
} matrix;

static uint64_t state;

static unsigned random_bits(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) & ((1u << n) - 1);
}

/* Random codes, zero points and scales; `half`: scales that 16 bits hold. */
static void fill(matrix *x, int bits, size_t block, size_t k, bool half)
{
    memset(x, 0, sizeof *x);
    x->m = (wt_nbits){ .bits = bits, .zero = 1 << (bits - 1), .n = ROWS, .k = k, .block = block };
    x->m.blocks = (k + block - 1) / block;
    x->m.row_bytes = x->m.blocks * block * (size_t)bits / 8;
    x->m.zp_row_bytes = (x->m.blocks * (size_t)bits + 7) / 8;
    x->m.codes = x->codes;
    x->m.scales = x->scales;
    x->m.scale_dtype = WT_F32;
    for (size_t i = 0; i < sizeof x->codes; i++)
        x->codes[i] = (uint8_t)random_bits(8), x->zps[i] = (uint8_t)random_bits(8);
    for (size_t i = 0; i < ROWS * MOST; i++) {
        const float f = ((float)random_bits(20) - 524288) / 1e7f;
        x->scales[i] = half ? wt_f16_to_f32(wt_f32_to_f16(f)) : f;
        x->zeros[i] = (float)random_bits(4);
    }
}

/* The rows of x in `dtype`, decoded by that format's own codec, against what MatMulNBits says they are. */
static void check_values(const matrix *x, wt_dtype dtype, bool bits)
{
    const wt_dtype_info *info = wt_dtype_get(dtype);
    const size_t row_bytes = x->m.k / info->block_len * info->block_bytes;
    uint8_t blocks[ROWS * MOST * 2];
    float want[MOST], have[MOST];
    wt_nbits_to_blocks(&x->m, dtype, 0, ROWS, blocks);
    for (size_t row = 0; row < ROWS; row++) {
        wt_nbits_row(&x->m, row, want);
        wt_block_codec_get(dtype)->decode(blocks + row * row_bytes, have, x->m.k);
        for (size_t i = 0; i < x->m.k; i++) /* zeros of both signs are equal where a minimum is added */
            if (bits ? memcmp(&want[i], &have[i], sizeof *want) != 0 : want[i] != have[i])
                fail_msg("row %zu, element %zu: %a, expected %a", row, i, (double)have[i], (double)want[i]);
    }
}

static void symmetric_ones_are_q4_0_and_q8_0(void **unused)
{
    (void)unused;
    for (size_t block = 32; block <= 256; block *= 2)
        for (int bits = 4; bits <= 8; bits += 4) {
            matrix x;
            fill(&x, bits, block, MOST, true);
            const wt_dtype dtype = wt_nbits_bridge(&x.m);
            assert_string_equal(wt_dtype_name(dtype), bits == 4 ? "q4_0" : "q8_0");
            check_values(&x, dtype, true);
        }
}

static void two_bits_are_q4_0(void **unused)
{
    matrix x;
    (void)unused;
    fill(&x, 2, 64, MOST, true);
    assert_int_equal(wt_nbits_bridge(&x.m), WT_Q4_0);
    check_values(&x, WT_Q4_0, true);
}

static void zero_points_are_q4_1_where_minima_are_halves(void **unused)
{
    matrix x;
    (void)unused;
    fill(&x, 4, 32, MOST, true);
    x.m.zps = x.zps;
    x.m.zp_dtype = WT_U8;
    assert_int_equal(wt_nbits_bridge(&x.m), WT_Q8_0); /* minima of 15 bits: the differences as 8-bit codes */
    check_values(&x, WT_Q8_0, true);
    for (size_t i = 0; i < ROWS * MOST; i++)
        x.scales[i] = ldexpf(1, -(int)random_bits(3));
    assert_int_equal(wt_nbits_bridge(&x.m), WT_Q4_1);
    check_values(&x, WT_Q4_1, false);
}

static void float_zero_points_are_bridged_where_they_are_integers(void **unused)
{
    matrix x;
    (void)unused;
    fill(&x, 4, 64, MOST, true);
    x.m.zps = x.zeros;
    x.m.zp_dtype = WT_F32;
    const wt_dtype dtype = wt_nbits_bridge(&x.m);
    assert_int_equal(dtype, WT_Q8_0);
    check_values(&x, dtype, true);
    x.zeros[5] += 0.5f;
    assert_int_equal(wt_nbits_bridge(&x.m), WT_DTYPE_NONE);
}

static void half_scales_are_read(void **unused)
{
    matrix x, y;
    uint16_t halves[ROWS * MOST];
    float want[MOST], have[MOST];
    (void)unused;
    fill(&x, 4, 32, MOST, true);
    for (size_t i = 0; i < ROWS * MOST; i++)
        halves[i] = wt_f32_to_f16(x.scales[i]);
    y = x;
    y.m.codes = x.codes;
    y.m.scales = halves;
    y.m.scale_dtype = WT_F16;
    wt_nbits_row(&x.m, 1, want);
    wt_nbits_row(&y.m, 1, have);
    assert_memory_equal(want, have, sizeof want);
}

static void what_is_not_exact_is_no_bridge(void **unused)
{
    matrix x;
    (void)unused;
    fill(&x, 4, 32, MOST, false); /* scales of 24 bits */
    assert_int_equal(wt_nbits_bridge(&x.m), WT_DTYPE_NONE);
    fill(&x, 4, 16, MOST, true); /* blocks smaller than ours */
    assert_int_equal(wt_nbits_bridge(&x.m), WT_DTYPE_NONE);
    fill(&x, 4, 64, MOST - 32, true); /* a last block that is not whole */
    assert_int_equal(wt_nbits_bridge(&x.m), WT_DTYPE_NONE);
    fill(&x, 8, 32, MOST, true); /* differences of nine bits */
    x.m.zps = x.zps;
    x.m.zp_dtype = WT_U8;
    assert_int_equal(wt_nbits_bridge(&x.m), WT_DTYPE_NONE);
}

static void signed_codes_have_their_own_zero(void **unused)
{
    matrix x;
    float row[MOST];
    (void)unused;
    fill(&x, 4, 32, MOST, true);
    x.m.is_signed = true;
    x.m.zero = 8;
    x.codes[0] = 0x9f; /* -1, -7 */
    wt_nbits_row(&x.m, 0, row);
    assert_true(row[0] == -x.scales[0] && row[1] == -7 * x.scales[0]);
}

/* Every block format that has a form: encoded rows come back from codes, scales and offsets, exactly where there are no
 * minima and up to the rounding of their sum where there are. */
static void block_formats_are_matrices(void **unused)
{
    enum { K = 512 };
    (void)unused;
    for (wt_dtype dtype = WT_Q4_0; dtype < WT_DTYPE_COUNT; dtype++) {
        wt_nbits_form form;
        float x[K], want[K], have[K], room[K], scales[K], offsets[K], largest = 0;
        uint8_t row[4 * K], codes[K];
        if (!wt_nbits_form_of(dtype, &form))
            continue;
        const wt_block_codec *codec = wt_block_codec_get(dtype);
        assert_non_null(codec->encode);
        for (size_t i = 0; i < K; i++)
            x[i] = ((float)random_bits(16) - 30000) / 20000;
        codec->encode(x, row, K, NULL);
        codec->decode(row, want, K);
        wt_nbits_from_row(dtype, row, K, room, codes, scales, offsets);
        const wt_nbits m = { .bits = form.bits,
                             .zero = 1 << (form.bits - 1),
                             .n = 1,
                             .k = K,
                             .block = form.block,
                             .blocks = K / form.block,
                             .codes = codes,
                             .scales = scales,
                             .scale_dtype = WT_F32 };
        wt_nbits_row(&m, 0, have);
        for (size_t i = 0; i < K; i++)
            largest = fmaxf(largest, fabsf(want[i]));
        for (size_t i = 0; i < K; i++) {
            have[i] += offsets[i / form.block];
            if (form.affine ? fabsf(have[i] - want[i]) > largest * 1e-6f : have[i] != want[i])
                fail_msg("%s, element %zu: %a, expected %a", wt_dtype_name(dtype), i, (double)have[i], (double)want[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symmetric_ones_are_q4_0_and_q8_0),
        cmocka_unit_test(two_bits_are_q4_0),
        cmocka_unit_test(zero_points_are_q4_1_where_minima_are_halves),
        cmocka_unit_test(float_zero_points_are_bridged_where_they_are_integers),
        cmocka_unit_test(half_scales_are_read),
        cmocka_unit_test(what_is_not_exact_is_no_bridge),
        cmocka_unit_test(block_formats_are_matrices),
        cmocka_unit_test(signed_codes_have_their_own_zero),
    };
    return wt_test_run("nbits", tests, WT_ARRAY_LEN(tests));
}
