/* test_ops_image.c - Resize, sampling, columns, boxes; transforms, windows and random tensors. */
#include "op_harness.h"
#include <math.h>
#include <stdio.h>

/* --- Resize
 * ------------------------------------------------------------------------------------------------------------ */
static void resize_nearest(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "nearest");
    op_f32(&t, "1x1x2x2", (float[]){ 1, 2, 3, 4 });
    op_omit(&t);
    op_f32(&t, "4", (float[]){ 1, 1, 2, 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x4x6",
                  (float[]){ 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE); /* any type, down, by sizes of some axes */
    op_text(&t, "mode", "nearest");
    op_text(&t, "coordinate_transformation_mode", "asymmetric");
    op_text(&t, "nearest_mode", "floor");
    op_ints(&t, "axes", (int64_t[]){ 1 }, 1);
    op_i64(&t, "2x4", (int64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
    op_omit(&t);
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x2", (int64_t[]){ 1, 3, 5, 7 });
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "nearest");
    op_random(&t, WT_F32, "2x21x6x7", -1, 1, 1);
    op_omit(&t);
    op_f32(&t, "4", (float[]){ 1, 1, 2, 1.5f });
    op_check_c16(&t);
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "nearest");
    op_random(&t, WT_U8, "2x16x6x7", 0, 255, 1);
    op_omit(&t);
    op_f32(&t, "4", (float[]){ 1, 1, 2, 2 });
    op_check_c16(&t);
    op_end(&t);
}

static void resize_linear_and_cubic(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "linear");
    op_f32(&t, "1x1x2x2", (float[]){ 1, 2, 3, 4 });
    op_omit(&t);
    op_f32(&t, "4", (float[]){ 1, 1, 2, 2 });
    op_run(&t, 1);
    op_expect_f32(
        &t, 0, "1x1x4x4",
        (float[]){ 1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "linear");
    op_text(&t, "coordinate_transformation_mode", "align_corners");
    op_in(&t, WT_U8, "1x3", (uint8_t[]){ 0, 100, 255 });
    op_omit(&t);
    op_omit(&t);
    op_i64(&t, "2", (int64_t[]){ 1, 5 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "1x5", (uint8_t[]){ 0, 50, 100, 178, 255 });
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE); /* widened against aliasing: four taps, the edge repeated */
    op_text(&t, "mode", "linear");
    op_int(&t, "antialias", 1);
    op_f32(&t, "4", (float[]){ 1, 2, 3, 4 });
    op_omit(&t);
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2", (float[]){ 1.625f, 3.375f });
    op_end(&t);
    static const char *const modes[] = { "linear", "cubic" };
    for (int m = 0; m < 2; m++) {
        op_begin(&t, WT_OP_RESIZE);
        op_text(&t, "mode", modes[m]);
        op_random(&t, WT_F32, "2x21x6x7", -1, 1, 1);
        op_omit(&t);
        op_f32(&t, "4", (float[]){ 1, 1, 2, 1.5f });
        op_check_c16(&t);
        op_end(&t);
        op_begin(&t, WT_OP_RESIZE);
        op_text(&t, "mode", modes[m]);
        op_random(&t, WT_F32, "1x3x100x90", -1, 1, 1);
        op_omit(&t);
        op_f32(&t, "4", (float[]){ 1, 1, 2, 3 });
        op_run(&t, 1);
        assert_true(t.threaded);
        op_end(&t);
    }
    op_begin(&t, WT_OP_RESIZE); /* outside the roi stands the extrapolation value */
    op_text(&t, "mode", "linear");
    op_text(&t, "coordinate_transformation_mode", "tf_crop_and_resize");
    op_float(&t, "extrapolation_value", 9);
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_f32(&t, "2", (float[]){ 0.5f, 1.5f });
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3", (float[]){ 2, 3, 9 });
    op_end(&t);
}

static void resize_refuses(void **state)
{
    static const struct {
        float scale;
        const char *part;
    } bad[] = { { 0, "expected a positive" },
                { -1, "expected a positive" },
                { NAN, "expected a positive" },
                { INFINITY, "expected a positive" },
                { 1e30f, "too large" } };
    op_test t;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        op_begin(&t, WT_OP_RESIZE);
        op_f32(&t, "2", (float[]){ 1, 2 });
        op_omit(&t);
        op_f32(&t, "1", &bad[i].scale);
        op_refused(&t, 1, WT_EFORMAT, bad[i].part);
        op_end(&t);
    }
    op_begin(&t, WT_OP_RESIZE);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_refused(&t, 1, WT_EFORMAT, "either scales or sizes");
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_omit(&t);
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ -3 });
    op_refused(&t, 1, WT_EFORMAT, "cannot be resized to -3");
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "magic");
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_omit(&t);
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
    op_begin(&t, WT_OP_RESIZE);
    op_text(&t, "mode", "linear");
    op_int(&t, "antialias", 1);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_omit(&t);
    op_f32(&t, "1", (float[]){ 1e-20f });
    op_run(&t, 1); /* nothing is left to compute */
    op_expect_shape(&t, 0, WT_F32, "0");
    op_end(&t);
}

/* --- sampling
 * ------------------------------------------------------------------------------------------------------------ */
static void grid_sample(void **state)
{
    static const struct {
        const char *mode, *padding;
        int64_t align;
        float want[4];
    } cases[] = { { "nearest", "zeros", 1, { 1, 4, 0, 0 } },
                  { "linear", "zeros", 1, { 1, 4, 2.5f, 0 } },
                  { "linear", "border", 0, { 1, 4, 2.5f, 4 } },
                  { "linear", "reflection", 1, { 1, 4, 2.5f, 1 } },
                  { "linear", "zeros", 0, { 0.25f, 1, 2.5f, 0 } } };
    op_test t;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        const bool nearest = cases[i].mode[0] == 'n';
        op_begin(&t, WT_OP_GRIDSAMPLE);
        op_text(&t, "mode", cases[i].mode);
        op_text(&t, "padding_mode", cases[i].padding);
        op_int(&t, "align_corners", cases[i].align);
        op_f32(&t, "1x1x2x2", (float[]){ 1, 2, 3, 4 });
        op_f32(&t, "1x1x4x2", (float[]){ -1, -1, 1, 1, nearest ? 9 : 0, nearest ? 9 : 0, 3, 3 });
        op_run(&t, 1);
        op_expect_f32(&t, 0, "1x1x1x4", cases[i].want);
        op_end(&t);
    }
    op_begin(&t, WT_OP_GRIDSAMPLE); /* coordinates that are no numbers */
    op_text(&t, "padding_mode", "reflection");
    op_f32(&t, "1x1x2x2", (float[]){ 1, 2, 3, 4 });
    op_f32(&t, "1x1x3x2", (float[]){ NAN, NAN, INFINITY, -INFINITY, 1e38f, -1e38f });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "1x1x1x3");
    op_end(&t);
    op_begin(&t, WT_OP_GRIDSAMPLE);
    op_text(&t, "mode", "cubic");
    op_random(&t, WT_F32, "1x4x9x8", -1, 1, 1);
    op_random(&t, WT_F32, "1x90x91x2", -1.2, 1.2, 2);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
    op_begin(&t, WT_OP_GRIDSAMPLE);
    op_random(&t, WT_F32, "1x4x9x8", -1, 1, 1);
    op_random(&t, WT_F32, "1x2x3x3", -1, 1, 2);
    op_refused(&t, 1, WT_EFORMAT, "expected 2");
    op_end(&t);
    op_begin(&t, WT_OP_AFFINEGRID);
    op_int(&t, "align_corners", 1);
    op_f32(&t, "1x2x3", (float[]){ 1, 0, 0.5f, 0, 2, 0 });
    op_i64(&t, "4", (int64_t[]){ 1, 1, 2, 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x2x2", (float[]){ -0.5f, -2, 1.5f, -2, -0.5f, 2, 1.5f, 2 });
    op_end(&t);
}

static void columns_to_image(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_COL2IM);
    op_f32(&t, "1x2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x1x3", (float[]){ 1, 5, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_COL2IM);
    op_f32(&t, "1x2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ 9 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "8 columns");
    op_end(&t);
    op_begin(&t, WT_OP_COL2IM);
    op_ints(&t, "strides", (int64_t[]){ 0 }, 1);
    op_f32(&t, "1x2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "strides 0 is 0");
    op_end(&t);
}

static void boxes_are_suppressed(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_NONMAXSUPPRESSION);
    op_f32(&t, "1x4x4", (float[]){ 0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 1, 1, 0, 0, 0, 10, 1, 11 });
    op_f32(&t, "1x1x4", (float[]){ 0.9f, 0.95f, 0.9f, NAN });
    op_i64(&t, "1", (int64_t[]){ 3 });
    op_f32(&t, "1", (float[]){ 0.5f });
    op_f32(&t, "1", (float[]){ 0 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "1x3", (int64_t[]){ 0, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_NONMAXSUPPRESSION); /* without a limit nothing is selected */
    op_f32(&t, "1x1x4", (float[]){ 0, 0, 1, 1 });
    op_f32(&t, "1x1x1", (float[]){ 0.9f });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_I64, "0x3");
    op_end(&t);
    op_begin(&t, WT_OP_NONMAXSUPPRESSION);
    op_f32(&t, "1x1x4", (float[]){ 0, 0, 1, 1 });
    op_f32(&t, "1x1x2", (float[]){ 0.9f, 0.8f });
    op_refused(&t, 1, WT_EFORMAT, "expected 1");
    op_end(&t);
    op_begin(&t, WT_OP_NONMAXSUPPRESSION);
    op_f32(&t, "1x1x4", (float[]){ 0, 0, 1, 1 });
    op_f32(&t, "1x1x1", (float[]){ 0.9f });
    op_i64(&t, "1", (int64_t[]){ INT64_MAX });
    op_f32(&t, "1", (float[]){ NAN });
    op_refused(&t, 1, WT_EFORMAT, "IoU");
    op_end(&t);
}

/* --- signals
 * ------------------------------------------------------------------------------------------------------------ */
/* Lengths that are powers of two and that are not, there against the sum itself, and back. */
static void transforms(void **state)
{
    static const size_t lengths[] = { 1, 2, 3, 8, 12, 17, 64, 100 };
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(lengths); k++) {
        const size_t n = lengths[k];
        char shape[32];
        op_test t;
        snprintf(shape, sizeof shape, "2x%zux3x2", n);
        op_begin(&t, WT_OP_DFT);
        op_random(&t, WT_F64, shape, -1, 1, n);
        op_omit(&t);
        op_i64(&t, "scalar", (int64_t[]){ 1 });
        op_run(&t, 1);
        const double *x = t.in[0].data, *y = t.out[0].data;
        for (size_t f = 0; f < n; f++) {
            double re = 0, im = 0;
            for (size_t i = 0; i < n; i++) {
                const double a = -2 * 3.14159265358979 * (double)(f * i % n) / (double)n, xr = x[(i * 3 + 1) * 2],
                             xi = x[(i * 3 + 1) * 2 + 1];
                re += xr * cos(a) - xi * sin(a);
                im += xr * sin(a) + xi * cos(a);
            }
            assert_true(fabs(re - y[(f * 3 + 1) * 2]) < 1e-9 && fabs(im - y[(f * 3 + 1) * 2 + 1]) < 1e-9);
        }
        const wt_tensor first = t.in[0];
        t.in[0] = t.out[0];
        op_int(&t, "inverse", 1);
        op_run(&t, 1);
        for (size_t i = 0; i < 2 * n * 6; i++)
            assert_true(fabs(((const double *)t.out[0].data)[i] - ((const double *)first.data)[i]) < 1e-12);
        op_end(&t);
    }
    op_test t;
    op_begin(&t, WT_OP_DFT); /* one side, longer than the signal */
    op_int(&t, "onesided", 1);
    op_f32(&t, "1x3x1", (float[]){ 1, 2, 3 });
    op_i64(&t, "scalar", (int64_t[]){ 4 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x3x2", (float[]){ 6, 0, -2, -2, 2, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_DFT); /* and back */
    op_int(&t, "onesided", 1);
    op_int(&t, "inverse", 1);
    op_f32(&t, "1x3x2", (float[]){ 6, 0, -2, -2, 2, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x4x1", (float[]){ 1, 2, 3, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_DFT);
    op_f32(&t, "1x3x3", (float[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 });
    op_refused(&t, 1, WT_EFORMAT, "the last dimension is 3");
    op_end(&t);
    op_begin(&t, WT_OP_DFT);
    op_f32(&t, "1x3x1", (float[]){ 1, 2, 3 });
    op_i64(&t, "scalar", (int64_t[]){ -4 });
    op_refused(&t, 1, WT_EFORMAT, "dft_length is -4");
    op_end(&t);
    op_begin(&t, WT_OP_DFT);
    op_f32(&t, "1x3x1", (float[]){ 1, 2, 3 });
    op_omit(&t);
    op_i64(&t, "scalar", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "cannot be transformed");
    op_end(&t);
    op_begin(&t, WT_OP_STFT);
    op_f32(&t, "1x5", (float[]){ 1, 2, 3, 4, 5 });
    op_i64(&t, "scalar", (int64_t[]){ 2 });
    op_f32(&t, "3", (float[]){ 1, 0, 1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x2x2", (float[]){ 4, 0, -0.5f, 2.5980763f, 8, 0, 0.5f, 4.3301272f });
    op_end(&t);
    op_begin(&t, WT_OP_STFT);
    op_f32(&t, "1x5", (float[]){ 1, 2, 3, 4, 5 });
    op_i64(&t, "scalar", (int64_t[]){ 0 });
    op_omit(&t);
    op_i64(&t, "scalar", (int64_t[]){ 4 });
    op_refused(&t, 1, WT_EFORMAT, "frame step is 0");
    op_end(&t);
    op_begin(&t, WT_OP_STFT);
    op_random(&t, WT_F32, "2x4000", -1, 1, 1);
    op_i64(&t, "scalar", (int64_t[]){ 100 });
    op_omit(&t);
    op_i64(&t, "scalar", (int64_t[]){ 200 });
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

static void windows_and_matrices(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_HANNWINDOW);
    op_int(&t, "periodic", 0);
    op_i64(&t, "scalar", (int64_t[]){ 5 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "5", (float[]){ 0, 0.5f, 1, 0.5f, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_HAMMINGWINDOW);
    op_int(&t, "output_datatype", 11);
    op_i64(&t, "scalar", (int64_t[]){ 2 });
    op_run(&t, 1);
    op_expect_f64(&t, 0, "2", (double[]){ 4.0 / 46, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_BLACKMANWINDOW);
    op_i64(&t, "scalar", (int64_t[]){ 0 });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "0");
    op_end(&t);
    op_begin(&t, WT_OP_HANNWINDOW);
    op_i64(&t, "scalar", (int64_t[]){ -5 });
    op_refused(&t, 1, WT_EFORMAT, "-5 elements");
    op_end(&t);
    op_begin(&t, WT_OP_DET);
    op_f64(&t, "2x2x2", (double[]){ 0, 2, 3, 4, 1, 2, 2, 4 });
    op_run(&t, 1);
    op_expect_f64(&t, 0, "2", (double[]){ -6, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_MELWEIGHTMATRIX); /* edges far outside the spectrum */
    op_i64(&t, "scalar", (int64_t[]){ 4 });
    op_i64(&t, "scalar", (int64_t[]){ 16 });
    op_i64(&t, "scalar", (int64_t[]){ 8000 });
    op_f32(&t, "scalar", (float[]){ 0 });
    op_f32(&t, "scalar", (float[]){ 1e9f });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "9x4");
    op_end(&t);
}

static void random_tensors(void **state)
{
    op_test t;
    double sum = 0, square = 0;
    (void)state;
    op_begin(&t, WT_OP_RANDOMNORMAL);
    op_ints(&t, "shape", (int64_t[]){ 100, 200 }, 2);
    op_float(&t, "mean", 3);
    op_float(&t, "scale", 2);
    op_float(&t, "seed", 7);
    op_run(&t, 1);
    for (size_t i = 0; i < 20000; i++) {
        sum += (double)op_at(&t, 0, i);
        square += ((double)op_at(&t, 0, i) - 3) * ((double)op_at(&t, 0, i) - 3);
    }
    assert_true(fabs(sum / 20000 - 3) < 0.06 && fabs(square / 20000 - 4) < 0.2);
    const float first = op_at(&t, 0, 0);
    op_run(&t, 1);
    assert_true(op_at(&t, 0, 0) == first);
    op_end(&t);
    op_begin(&t, WT_OP_RANDOMUNIFORM);
    op_ints(&t, "shape", (int64_t[]){ -1 }, 1);
    op_refused(&t, 1, WT_EFORMAT, "would be -1");
    op_end(&t);
    op_begin(&t, WT_OP_BERNOULLI);
    op_int(&t, "dtype", 9);
    op_f32(&t, "4", (float[]){ 0, 1, 0, 1 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_BOOL, "4", (uint8_t[]){ 0, 1, 0, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_MULTINOMIAL);
    op_int(&t, "sample_size", 3);
    op_f32(&t, "1x3", (float[]){ -INFINITY, 0, -INFINITY });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "1x3", (int32_t[]){ 1, 1, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_MULTINOMIAL);
    op_f32(&t, "1x2", (float[]){ -INFINITY, -INFINITY });
    op_refused(&t, 1, WT_EFORMAT, "no probabilities");
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_nearest),   cmocka_unit_test(resize_linear_and_cubic),
        cmocka_unit_test(resize_refuses),   cmocka_unit_test(grid_sample),
        cmocka_unit_test(columns_to_image), cmocka_unit_test(boxes_are_suppressed),
        cmocka_unit_test(transforms),       cmocka_unit_test(windows_and_matrices),
        cmocka_unit_test(random_tensors),
    };
    return wt_test_run("images, signals, random numbers", tests, WT_ARRAY_LEN(tests));
}
