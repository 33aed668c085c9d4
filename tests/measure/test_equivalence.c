/* Equivalence: figures that can be checked by hand, and the erased channel that an overall number hides. */
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "measure/equivalence.h"
#include "support/test.h"

static wt_context *ctx;
static wt_err err;
static wt_equiv *e;
static const char *const out_name = "out";

static int set_up(void **state)
{
    (void)state;
    ctx = wt_test_context();
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wt_equiv_close(e);
    e = NULL;
    wt_test_context_close(ctx);
    return 0;
}

static void open_for(int rank, const int64_t *dims)
{
    const wt_tensor type = { .dtype = WT_F32, .shape = wt_shape_make(rank, dims) };
    wt_equiv_close(e);
    wt_test_ok(wt_equiv_open(&e, ctx, &out_name, &type, 1, &err), &err);
}

static wt_status add(int rank, const int64_t *dims, const float *r, const float *c)
{
    wt_tensor ref = { .dtype = WT_F32, .shape = wt_shape_make(rank, dims), .data = r }, can;
    wt_tensor_size(&ref, &ref.bytes);
    can = ref;
    can.data = c;
    return wt_equiv_add(e, &ref, &can, &err);
}

static wt_equiv_output result(const char *precision)
{
    wt_equiv_output o;
    wt_equiv_thresholds t = wt_equiv_defaults(precision ? precision : "fp32");
    wt_equiv_result(e, 0, precision ? &t : NULL, &o);
    json_t *json = wt_equiv_output_json(&o);
    assert_non_null(json);
    json_decref(json);
    return o;
}
#define DIMS(...) ((const int64_t[]){ __VA_ARGS__ })

static void figures(void **state)
{
    (void)state;
    const float r[4] = { 1, 2, 3, 4 }, c[4] = { 1, 2, 3, 3.5f };
    open_for(2, DIMS(-1, 4));
    wt_test_ok(add(2, DIMS(1, 4), r, c), &err);
    wt_equiv_output o = result(NULL);
    assert_true(fabs(o.sqnr_db - 10 * log10(30 / 0.25)) < 1e-9 && o.max_abs == 0.5 && o.max_rel == 0.125);
    assert_true(fabs(o.cosine - 28 / sqrt(30 * 26.25)) < 1e-12 && o.agreement == 1 && o.axis == 1 && o.channels == 4);
    double p[4], q[4], sp = 0, sq = 0, kld = 0;
    for (int i = 0; i < 4; i++) {
        sp += p[i] = exp((double)r[i]);
        sq += q[i] = exp((double)c[i]);
    }
    for (int i = 0; i < 4; i++)
        kld += p[i] / sp * log(p[i] / sp * sq / q[i]);
    assert_true(fabs(o.kld - kld) < 1e-9 && o.kld_max == o.kld);
    assert_true(o.worst[0] == 3 && fabs(o.worst_sqnr_db[0] - 10 * log10(16 / 0.25)) < 1e-9 && o.passed);
    wt_test_ok(add(2, DIMS(1, 4), c, (const float[4]){ 1, 2, 4, 3.5f }), &err); /* another winner */
    assert_true(result(NULL).agreement == 0.5);
    assert_string_equal(result("fp32").failed, "sqnr_db");
    assert_int_equal(wt_equiv_samples(e), 2);
    for (int i = 0; i < 4; i++) /* two values of channel 3 may be alike by chance; eight are not */
        wt_test_ok(add(2, DIMS(1, 4), i % 2 ? r : c, (const float[4]){ 1, 2, (float)i, 3.5f }), &err);
    assert_null(result(NULL).failed);
    wt_test_ok(add(2, DIMS(1, 4), r, c), &err);
    wt_test_ok(add(2, DIMS(1, 4), r, c), &err);
    assert_string_equal(result(NULL).failed, "erased");
}

static void identical(void **state)
{
    (void)state;
    const float r[4] = { 0, -2, 3, 4 }, zero[4] = { 0 };
    open_for(2, DIMS(1, 4));
    wt_test_ok(add(2, DIMS(1, 4), r, r), &err);
    wt_test_ok(add(2, DIMS(1, 4), zero, zero), &err);
    const wt_equiv_output o = result("fp32");
    assert_true(o.passed && o.sqnr_db == 200 && o.cosine == 1 && o.max_abs == 0 && o.kld < 1e-12 && o.n_erased == 0);
    open_for(2, DIMS(1, 4));
    wt_test_ok(add(2, DIMS(1, 4), zero, zero), &err);
    assert_true(result("fp32").passed);
    open_for(2, DIMS(1, 4));
    wt_test_ok(add(2, DIMS(1, 4), r, zero), &err);
    assert_true(fabs(result(NULL).sqnr_db) < 1e-9 && result(NULL).cosine == 0);
}

/* A detector: 4 rows of boxes in pixels, 3 rows of scores. One scale for all of them erases the scores, at 30 dB
 * overall. */
static void an_erased_channel_is_named(void **state)
{
    (void)state;
    enum { N = 50, ROWS = 7 };
    float r[ROWS * N], c[ROWS * N];
    uint64_t random = 3;
    open_for(3, DIMS(1, ROWS, N));
    for (int sample = 0; sample < 4; sample++) {
        for (int k = 0; k < ROWS; k++)
            for (int i = 0; i < N; i++) {
                r[k * N + i] = (float)(wt_random_unit(&random) * (k < 4 ? 640 : 0.9));
                c[k * N + i] = rintf(r[k * N + i] / 2.5f) * 2.5f; /* what 255 steps over 640 do */
            }
        wt_test_ok(add(3, DIMS(1, ROWS, N), r, c), &err);
    }
    const wt_equiv_output o = result("int8");
    assert_true(o.sqnr_db > 30 && o.axis == 1 && o.channels == ROWS);
    assert_true(o.n_erased == 3 && o.erased[0] == 4 && o.erased[2] == 6 && !o.passed);
    assert_string_equal(o.failed, "erased");
    assert_true(isnan(o.kld) && isnan(o.agreement)); /* pixels are no logits */
    assert_true(o.worst[0] >= 4 && o.worst_sqnr_db[0] < 1);
}

static void probabilities(void **state)
{
    (void)state;
    const float r[4] = { 0.7f, 0.299f, 0.001f, 0 }, c[4] = { 0.7f, 0.3f, 0, 0 };
    open_for(2, DIMS(1, 4));
    wt_test_ok(add(2, DIMS(1, 4), r, c), &err);
    wt_test_ok(add(2, DIMS(1, 4), (const float[4]){ 0.299f, 0.7f, 0, 0.001f }, (const float[4]){ 0.3f, 0.7f, 0, 0 }),
               &err);
    const wt_equiv_output o = result("int8");
    /* KL of the numbers themselves, not of a softmax over them; what is 0 counts as 1e-9 */
    const double one = 0.7 * log(0.7 / 0.7) + 0.299 * log(0.299 / 0.3) + 0.001 * log(0.001 / 1e-9);
    assert_true(fabs(o.kld - one) < 1e-5 && o.agreement == 1);
    assert_int_equal(o.n_erased, 0); /* classes that never reach a hundredth decide nothing */
    assert_true(o.passed);
}

static void what_is_not_finite(void **state)
{
    (void)state;
    const float r[4] = { 1, INFINITY, NAN, 4 }, c[4] = { 1, INFINITY, NAN, 4 }, bad[4] = { 1, INFINITY, 3, NAN };
    open_for(2, DIMS(1, 4));
    wt_test_ok(add(2, DIMS(1, 4), r, c), &err);
    assert_int_equal(result("int8").nonfinite, 0);
    wt_test_ok(add(2, DIMS(1, 4), r, bad), &err);
    const wt_equiv_output o = result(NULL);
    assert_true(o.nonfinite == 2 && !o.passed && isfinite(o.sqnr_db) && isfinite(o.cosine));
    assert_string_equal(o.failed, "nonfinite");
}

static void axes(void **state)
{
    (void)state;
    static const struct {
        int rank;
        int64_t type[4], actual[4];
        int axis;
    } rows[] = {
        { 0, { 0 }, { 0 }, -1 },
        { 1, { 10 }, { 10 }, 0 },
        { 2, { -1, 10 }, { 1, 10 }, 1 },
        { 2, { -1, 1 }, { 1, 1 }, -1 },
        { 3, { -1, -1, 6625 }, { 1, 40, 6625 }, 2 },  /* CTC: steps are free */
        { 3, { 1, 84, 8400 }, { 1, 84, 8400 }, 1 },   /* a detector */
        { 3, { 1, 25200, 85 }, { 1, 25200, 85 }, 2 }, /* another */
        { 3, { 1, 84, -1 }, { 1, 84, 2100 }, 1 },
        { 4, { -1, 21, -1, -1 }, { 1, 21, 64, 64 }, 1 }, /* segmentation */
        { 4, { -1, -1, -1, 3 }, { 1, 64, 64, 3 }, 3 },
        { 4, { -1, 1, -1, -1 }, { 1, 1, 64, 64 }, -1 }, /* a map */
        { 4, { 1, 1000, 1, 1 }, { 1, 1000, 1, 1 }, 1 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const wt_shape t = wt_shape_make(rows[i].rank, rows[i].type), a = wt_shape_make(rows[i].rank, rows[i].actual);
        if (wt_channel_axis(&t, &a) != rows[i].axis)
            fail_msg("row %zu: axis %d", i, wt_channel_axis(&t, &a));
    }
}

static void shapes_and_types(void **state)
{
    (void)state;
    const float v[6] = { 1, 2, 3, 4, 5, 6 };
    const uint16_t half[6] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600 };
    open_for(3, DIMS(1, -1, 2));
    wt_test_ok(add(3, DIMS(1, 3, 2), v, v), &err);
    wt_test_ok(add(3, DIMS(1, 2, 2), v, v), &err); /* time may change */
    assert_int_equal(result(NULL).channels, 2);
    wt_tensor r = { .dtype = WT_F32, .shape = wt_shape_make(3, DIMS(1, 3, 2)), .data = v, .bytes = sizeof v };
    wt_tensor c = { .dtype = WT_F16, .shape = r.shape, .data = half, .bytes = sizeof half };
    wt_test_ok(wt_equiv_add(e, &r, &c, &err), &err);
    assert_true(result(NULL).sqnr_db == 200);
    c.shape = wt_shape_make(3, DIMS(1, 2, 3));
    wt_test_refused(wt_equiv_add(e, &r, &c, &err), WT_EFORMAT, &err, "1x2x3 in the candidate");
    wt_test_ok(add(3, DIMS(1, 2, 3), v, v), &err); /* channels that change are no channels */
    assert_int_equal(result(NULL).axis, -1);
    const int64_t a[2] = { 3, 9 }, b[2] = { 3, 8 };
    r = (wt_tensor){ .dtype = WT_I64, .shape = wt_shape_make(1, DIMS(2)), .data = a, .bytes = sizeof a };
    c = r;
    c.data = b;
    open_for(1, DIMS(-1));
    wt_test_ok(wt_equiv_add(e, &r, &c, &err), &err);
    assert_true(result(NULL).max_abs == 1);
}

static wt_status compare_once(wt_context *c, void *arg, wt_err *er)
{
    const wt_tensor *t = arg;
    wt_equiv *x;
    WT_TRY(wt_equiv_open(&x, c, &out_name, t, 1, er));
    const wt_status st = wt_equiv_add(x, t, t, er);
    wt_equiv_close(x);
    return st;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    const uint16_t v[4] = { 0 };
    wt_tensor t = { .dtype = WT_F16, .shape = wt_shape_make(2, DIMS(1, 4)), .data = v, .bytes = sizeof v };
    assert_true(wt_test_fail_each_alloc(compare_once, &t) > 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(figures),
        TEST(identical),
        TEST(an_erased_channel_is_named),
        TEST(probabilities),
        TEST(what_is_not_finite),
        TEST(axes),
        TEST(shapes_and_types),
        TEST(allocations_may_fail),
    };
    return wt_test_run("equivalence", tests, WT_ARRAY_LEN(tests));
}
