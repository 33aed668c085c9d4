/* The formula of quantization against one written down naively, for each type, with one scale and with many. */
#include <math.h>
#include "base/hash.h"
#include "model/quantize.h"
#include "support/test.h"

static const wt_dtype types[] = { WT_U8, WT_I8, WT_U16, WT_I16, WT_I32, WT_U4, WT_I4, WT_U2, WT_I2 };

static int64_t naive(float x, float scale, int32_t zp, int32_t lo, int32_t hi)
{
    const float v = x / scale;
    if (isnan(v))
        return zp;
    double r = nearbyint((double)v) + zp;
    r = r < lo ? lo : r > hi ? hi : r;
    return (int64_t)r;
}

static int64_t code_at(const void *q, size_t i, wt_dtype dtype)
{
    const int64_t n = (int64_t)i + 1;
    int64_t v = 0;
    wt_tensor t = { .dtype = dtype, .data = q, .shape = wt_shape_make(1, &n) };
    wt_dtype_bytes(dtype, i + 1, &t.bytes);
    assert_true(wt_tensor_int(&t, (int64_t)i, &v));
    return v;
}

static void fill(float *x, size_t n, uint64_t seed)
{
    static const float special[] = { 0.5f,      1.5f, 2.5f,  -0.5f,  -1.5f,  -2.5f, INFINITY,
                                     -INFINITY, NAN,  3e38f, -3e38f, 1e-40f, 0,     -0.0f };
    for (size_t i = 0; i < n; i++)
        x[i] = i < WT_ARRAY_LEN(special) ? special[i] : (float)((wt_random_unit(&seed) - 0.5) * 600);
}

static void one_scale(void **state)
{
    enum { N = 2500 };
    static float x[N], back[N];
    static uint8_t q[4 * N];
    for (size_t t = 0; t < WT_ARRAY_LEN(types); t++) {
        int32_t lo, hi;
        assert_true(wt_quant_range(types[t], &lo, &hi));
        const int32_t zps[] = { 0, lo, hi, (int32_t)(((int64_t)lo + hi + 1) / 2) };
        for (size_t z = 0; z < WT_ARRAY_LEN(zps); z++) {
            const float scale = z == 3 ? 0.37f : 1.0f;
            fill(x, N, t);
            wt_quantize_f32(x, q, N, scale, zps[z], types[t]);
            wt_dequantize_f32(q, back, N, scale, zps[z], types[t]);
            for (size_t i = 0; i < N; i++) {
                const int64_t code = code_at(q, i, types[t]);
                if (code != naive(x[i], scale, zps[z], lo, hi))
                    fail_msg("%s: %g with zero point %d is %lld, expected %lld", wt_dtype_name(types[t]), (double)x[i],
                             zps[z], (long long)code, (long long)naive(x[i], scale, zps[z], lo, hi));
                assert_true(back[i] == (float)(code - zps[z]) * scale);
            }
        }
    }
    (void)state;
}

/* Any length: nothing outside is touched, and what is left of the last byte is zero. */
static void any_length(void **state)
{
    float x[40];
    for (size_t i = 0; i < 40; i++)
        x[i] = -1;
    for (size_t t = 0; t < WT_ARRAY_LEN(types); t++)
        for (size_t n = 0; n < 40; n++) {
            uint8_t q[200];
            size_t bytes = 0;
            memset(q, 0xaa, sizeof q);
            wt_dtype_bytes(types[t], n, &bytes);
            wt_quantize_f32(x, q, n, 1, 0, types[t]);
            for (size_t i = bytes; i < sizeof q; i++)
                assert_int_equal(q[i], 0xaa);
            if (types[t] == WT_I4 && n % 2)
                assert_int_equal(q[bytes - 1], 0x0f);
        }
    (void)state;
}

static size_t naive_scale(const wt_quant *q, const int64_t at[3], const int64_t dim[3])
{
    if (q->axis < 0)
        return 0;
    if (!q->block)
        return (size_t)at[q->axis];
    size_t index = 0;
    for (int d = 0; d < 3; d++) {
        const int64_t n = d == q->axis ? (dim[d] + q->block - 1) / q->block : dim[d];
        index = index * (size_t)n + (size_t)(d == q->axis ? at[d] / q->block : at[d]);
    }
    return index;
}

static void many_scales(void **state)
{
    static const int64_t dim[3] = { 5, 7, 6 };
    enum { N = 5 * 7 * 6 };
    float x[N], back[N], part[N], scales[N];
    int32_t zeros[N];
    uint8_t q[2 * N], q_part[2 * N];
    const wt_shape shape = wt_shape_make(3, dim);
    fill(x, N, 3);
    for (int i = 0; i < N; i++) {
        scales[i] = 0.5f + (float)i;
        zeros[i] = i % 5 - 2;
    }
    for (int axis = -1; axis < 3; axis++)
        for (int64_t block = 0; block < (axis < 0 ? 1 : 9); block++) {
            wt_quant quant = {
                .dtype = WT_I4, .axis = axis, .block = block, .count = 1, .scale = scales, .zero_point = zeros
            };
            if (axis >= 0)
                quant.count = block ? (size_t)(N / dim[axis] * ((dim[axis] + block - 1) / block)) : (size_t)dim[axis];
            wt_err err = { 0 };
            wt_test_ok(wt_quant_check(&quant, &shape, &err), &err);
            wt_quantize_part(&quant, &shape, x, q, 0, N);
            wt_dequantize_part(&quant, &shape, q, back, 0, N);
            for (int64_t i = 0; i < N; i++) {
                const int64_t at[3] = { i / 42, i / 6 % 7, i % 6 };
                const size_t s = naive_scale(&quant, at, dim);
                const int64_t code = code_at(q, (size_t)i, WT_I4);
                assert_int_equal(code, naive(x[i], scales[s], zeros[s], -8, 7));
                assert_true(back[i] == (float)(code - zeros[s]) * scales[s]);
            }
            memset(q_part, 0, sizeof q_part); /* in pieces it is the same */
            for (size_t i = 0; i < N; i += 26) {
                const size_t n = N - i < 26 ? N - i : 26;
                wt_quantize_part(&quant, &shape, x + i, q_part + i / 2, i, n);
                wt_dequantize_part(&quant, &shape, q + i / 2, part + i, i, n);
            }
            assert_memory_equal(q, q_part, N / 2);
            assert_memory_equal(back, part, sizeof back);
            quant.count++;
            wt_test_refused(wt_quant_check(&quant, &shape, &err), WT_EFORMAT, &err, "needed");
        }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_scale), cmocka_unit_test(any_length),
                                        cmocka_unit_test(many_scales) };
    return wt_test_run("quantize", tests, WT_ARRAY_LEN(tests));
}
