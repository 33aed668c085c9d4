/* test_convert.c - conversions: every code of every small format, ties, overflow, and what ONNX Runtime gives. */
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "model/tensor.h"
#include "support/test.h"

/* The value of a code, straight from the definition of its format. */
static double value_of(unsigned code, int mantissa, int bias)
{
    const unsigned e = code >> mantissa, m = code & ((1u << mantissa) - 1);
    return e ? ldexp(1.0 + ldexp((double)m, -mantissa), (int)e - bias) : ldexp((double)m, 1 - bias - mantissa);
}

static void half_round_trips(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float f = wt_f16_to_f32((uint16_t)h);
        const unsigned code = h & 0x7fff;
        if (code > 0x7c00) {
            assert_true(isnan(f));
            assert_int_equal(wt_f32_to_f16(f) & 0x7e00, 0x7e00);
            continue;
        }
        if (code == 0x7c00)
            assert_true(isinf(f));
        else
            assert_true(fabs((double)f) == value_of(code, 10, 15));
        assert_int_equal(signbit(f) != 0, h >> 15);
        assert_int_equal(wt_f32_to_f16(f), h);
    }
}

/* Between two neighbours: the nearer, and in the middle the even one. */
static void half_rounds_to_even(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7bff; h++) {
        const double a = value_of(h, 10, 15), b = value_of(h + 1, 10, 15), middle = (a + b) / 2;
        assert_int_equal(wt_f32_to_f16((float)middle), h & 1 ? h + 1 : h);
        assert_int_equal(wt_f32_to_f16(nextafterf((float)middle, 0.0f)), h);
        assert_int_equal(wt_f32_to_f16(-nextafterf((float)middle, 1e9f)), (h + 1) | 0x8000);
    }
    assert_int_equal(wt_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(wt_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(wt_f32_to_f16(1e-30f), 0);
}

static void bfloat_rounds_to_even(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const uint32_t u = (uint32_t)wt_random(&seed);
        float f;
        memcpy(&f, &u, sizeof f);
        const uint16_t h = wt_f32_to_bf16(f);
        if (isnan(f)) {
            assert_true(isnan(wt_bf16_to_f32(h)));
            continue;
        }
        const uint32_t low = u & 0xffff, cut = u >> 16;
        const uint32_t want = low > 0x8000 || (low == 0x8000 && (cut & 1)) ? cut + 1 : cut;
        assert_int_equal(h, want);
    }
}

typedef struct format {
    wt_dtype dtype;
    int mantissa, bias;
    unsigned max;
    bool infinite, fnuz;
} format;
static const format formats[] = {
    { WT_F8E4M3FN, 3, 7, 0x7e, false, false },
    { WT_F8E4M3FNUZ, 3, 8, 0x7f, false, true },
    { WT_F8E5M2, 2, 15, 0x7b, true, false },
    { WT_F8E5M2FNUZ, 2, 16, 0x7f, false, true },
};

static void float8_round_trips(void **state)
{
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(formats); k++) {
        const format *f = &formats[k];
        for (unsigned v = 0; v < 256; v++) {
            const float x = wt_f8_to_f32((uint8_t)v, f->dtype);
            const unsigned code = v & 0x7f;
            if (f->fnuz ? v == 0x80 : code > f->max + f->infinite) {
                assert_true(isnan(x));
                assert_true(isnan(wt_f8_to_f32(wt_f32_to_f8(x, f->dtype, true), f->dtype)));
                continue;
            }
            if (code > f->max)
                assert_true(isinf(x));
            else
                assert_true(fabs((double)x) == value_of(code, f->mantissa, f->bias));
            assert_int_equal(wt_f32_to_f8(x, f->dtype, false), v);
            assert_int_equal(wt_f32_to_f8(x, f->dtype, true), code > f->max ? (v & 0x80) | f->max : v);
        }
        for (unsigned code = 0; code < f->max; code++) {
            const float middle =
                (float)((value_of(code, f->mantissa, f->bias) + value_of(code + 1, f->mantissa, f->bias)) / 2);
            assert_int_equal(wt_f32_to_f8(middle, f->dtype, true), code & 1 ? code + 1 : code);
            assert_int_equal(wt_f32_to_f8(nextafterf(middle, 0.0f), f->dtype, false), code);
        }
        assert_int_equal(wt_f32_to_f8(1e9f, f->dtype, true), f->max);
        assert_int_equal(wt_f32_to_f8(-INFINITY, f->dtype, true), 0x80 | f->max);
        const float over = wt_f8_to_f32(wt_f32_to_f8(1e9f, f->dtype, false), f->dtype);
        assert_true(f->infinite ? isinf(over) : isnan(over));
        const float minus_zero = wt_f8_to_f32(wt_f32_to_f8(-0.0f, f->dtype, true), f->dtype);
        assert_true(minus_zero == 0.0f && !signbit(minus_zero) == f->fnuz);
    }
    assert_true(wt_f8_to_f32(0, WT_F8E8M0) == 0x1p-127f && isnan(wt_f8_to_f32(255, WT_F8E8M0)));
    assert_true(wt_f8_to_f32(127, WT_F8E8M0) == 1.0f && wt_f8_to_f32(254, WT_F8E8M0) == 0x1p127f);
    assert_int_equal(wt_f32_to_f8(3.0f, WT_F8E8M0, true), 129); /* up to 4 */
    assert_int_equal(wt_f32_to_f8(3e38f, WT_F8E8M0, true), 254);
    assert_int_equal(wt_f32_to_f8(NAN, WT_F8E8M0, true), 255);
}

static void float4_is_a_table(void **state)
{
    static const float values[] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
    static const struct {
        float x;
        uint8_t code;
    } cases[] = { { 0.25f, 0 }, { 0.26f, 1 },      { 0.75f, 2 },    { 1.25f, 2 }, { 1.75f, 4 },
                  { 2.5f, 4 },  { 3.5f, 6 },       { 5.0f, 6 },     { 5.1f, 7 },  { 1e9f, 7 },
                  { -0.3f, 9 }, { -INFINITY, 15 }, { INFINITY, 7 }, { NAN, 8 },   { -NAN, 8 } };
    (void)state;
    for (uint8_t v = 0; v < 16; v++) {
        assert_true(fabsf(wt_f4_to_f32(v)) == values[v & 7]);
        assert_int_equal(wt_f32_to_f4(wt_f4_to_f32(v)), v);
    }
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++)
        assert_int_equal(wt_f32_to_f4(cases[i].x), cases[i].code);
}

/* What ONNX Runtime 1.32 answers on x86, as int64 after the cast. */
static void floats_become_integers_as_in_onnx_runtime(void **state)
{
    static const float in[] = { 0.5f,     2.5f, -1.5f, 128,   200.7f, 300.5f,   -129,      8.5f, 32768,
                                65536.5f, 3e9f, 5e9f,  2e19f, -1e19f, INFINITY, -INFINITY, NAN };
    static const struct {
        wt_dtype to;
        int64_t want[17];
    } cases[] = {
        { WT_I8, { 0, 2, -1, -128, -56, 44, 127, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
        { WT_U8, { 0, 2, 255, 128, 200, 44, 127, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
        { WT_I16, { 0, 2, -1, 128, 200, 300, -129, 8, -32768, 0, 0, 0, 0, 0, 0, 0, 0 } },
        { WT_U16, { 0, 2, 65535, 128, 200, 300, 65407, 8, 32768, 0, 0, 0, 0, 0, 0, 0, 0 } },
        { WT_I32,
          { 0, 2, -1, 128, 200, 300, -129, 8, 32768, 65536, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN,
            INT32_MIN, INT32_MIN } },
        { WT_U32,
          { 0, 2, 4294967295, 128, 200, 300, 4294967167, 8, 32768, 65536, 3000000000, 705032704, 0, 0, 0, 0, 0 } },
        { WT_I64,
          { 0, 2, -1, 128, 200, 300, -129, 8, 32768, 65536, 3000000000, 5000000000, INT64_MIN, INT64_MIN, INT64_MIN,
            INT64_MIN, INT64_MIN } },
        { WT_U64,
          { 0, 2, -1, 128, 200, 300, -129, 8, 32768, 65536, 3000000000, 5000000000, 0, INT64_MIN, 0, INT64_MIN,
            INT64_MIN } },
        { WT_BOOL, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { WT_I4, { 1, 3, -2, 0, -7, -3, -1, -7, 0, 1, 0, 0, 0, 0, 0, 0, 0 } },
        { WT_U4, { 1, 3, 14, 0, 9, 13, 15, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0 } },
    };
    enum { N = WT_ARRAY_LEN(in) };
    wt_err err;
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(cases); k++) {
        uint8_t out[N * 8];
        int64_t wide[N];
        wt_test_ok(wt_convert(in, WT_F32, out, cases[k].to, N, true, &err), &err);
        wt_test_ok(wt_convert(out, cases[k].to, wide, WT_I64, N, true, &err), &err);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(wide[i], cases[k].want[i]);
    }
}

static void all_pairs_keep_small_numbers(void **state)
{
    enum { N = 1027 }; /* two chunks and an odd rest */
    static uint8_t a[N * 8], b[N * 8];
    static float start[N], back[N];
    wt_err err;
    (void)state;
    for (size_t i = 0; i < N; i++)
        start[i] = (float)(i % 2); /* what even bool and one bit of sign can hold */
    for (int from = WT_DTYPE_NONE + 1; from < WT_DTYPE_COUNT; from++)
        for (int to = WT_DTYPE_NONE + 1; to < WT_DTYPE_COUNT; to++) {
            const bool odd = from == WT_STRING || from == WT_C64 || from == WT_C128 || to == WT_STRING ||
                             to == WT_C64 || to == WT_C128 || wt_dtype_is_block((wt_dtype)from) ||
                             wt_dtype_is_block((wt_dtype)to);
            const wt_status st = wt_convert(a, (wt_dtype)from, b, (wt_dtype)to, 0, true, &err);
            if (odd) {
                wt_test_refused(st, WT_EUNSUPPORTED, &err, "no conversion");
                continue;
            }
            memset(a, 0xee, sizeof a);
            memset(b, 0xee, sizeof b);
            wt_test_ok(wt_convert(start, WT_F32, a, (wt_dtype)from, N, true, &err), &err);
            wt_test_ok(wt_convert(a, (wt_dtype)from, b, (wt_dtype)to, N, true, &err), &err);
            wt_test_ok(wt_convert(b, (wt_dtype)to, back, WT_F32, N, true, &err), &err);
            for (size_t i = 0; i < N; i++)
                assert_true(back[i] == start[i] ||
                            (start[i] == 0 && (from == WT_F8E8M0 || to == WT_F8E8M0))); /* has no 0 */
            size_t used;
            assert_true(wt_dtype_bytes((wt_dtype)to, N, &used));
            assert_true(used == sizeof b || b[used] == 0xee); /* not a byte more */
        }
}

static void integers_wrap(void **state)
{
    const int64_t in[] = { 200, -1, 1 << 20, INT64_MIN };
    int8_t narrow[4];
    uint8_t nibbles[2];
    float f;
    uint16_t h;
    const int64_t odd = (INT64_C(1) << 53) + 1;
    const double third = 1.0 / 3, tie = 1 + 0x1p-11 + 0x1p-30;
    wt_err err;
    (void)state;
    wt_test_ok(wt_convert(in, WT_I64, narrow, WT_I8, 4, true, &err), &err);
    assert_true(narrow[0] == -56 && narrow[1] == -1 && narrow[2] == 0 && narrow[3] == 0);
    wt_test_ok(wt_convert(in, WT_I64, nibbles, WT_I4, 3, true, &err), &err);
    assert_int_equal(nibbles[0], 0xf8);
    assert_int_equal(nibbles[1], 0x00);
    wt_test_ok(wt_convert(&odd, WT_I64, &f, WT_F32, 1, true, &err), &err);
    assert_true(f == 0x1p53f);
    wt_test_ok(wt_convert(&third, WT_F64, &f, WT_F32, 1, true, &err), &err);
    assert_true(f == (float)third);
    wt_test_ok(wt_convert(&tie, WT_F64, &h, WT_F16, 1, true, &err), &err);
    assert_int_equal(h, 0x3c00); /* through float, as ONNX Runtime goes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_round_trips),
        cmocka_unit_test(half_rounds_to_even),
        cmocka_unit_test(bfloat_rounds_to_even),
        cmocka_unit_test(float8_round_trips),
        cmocka_unit_test(float4_is_a_table),
        cmocka_unit_test(floats_become_integers_as_in_onnx_runtime),
        cmocka_unit_test(all_pairs_keep_small_numbers),
        cmocka_unit_test(integers_wrap),
    };
    return wt_test_run("convert", tests, WT_ARRAY_LEN(tests));
}
