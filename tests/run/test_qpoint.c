/* test_qpoint.c - pointwise work on codes and floats, pools of codes: every row the machine has against the portable
 * one, bit for bit, on all lengths up to a few vectors, in exact heap blocks. */
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "run/kernel.h"
#include "support/test.h"

enum { MOST = 1 << 14 };
typedef struct rig {
    wt_context *ctx;
    wt_arena arena;
    wt_attr attrs[16];
    wt_attrs list;
    wt_tensor in[3], out;
    const wt_tensor *pin[3], *pout;
    wt_prep prep;
} rig;

static int setup(void **state)
{
    static rig r;
    wt_context_options o = wt_context_defaults();
    o.threads = 2;
    memset(&r, 0, sizeof r);
    assert_int_equal(wt_context_open(&r.ctx, &o, NULL), WT_OK);
    wt_arena_init(&r.arena, r.ctx);
    *state = &r;
    return 0;
}

static int teardown(void **state)
{
    rig *r = *state;
    wt_arena_free(&r->arena);
    wt_context_close(r->ctx);
    return 0;
}

static void put_float(rig *r, const char *name, float v)
{
    r->attrs[r->list.count++] = (wt_attr){ .name = name, .type = WT_ATTR_FLOAT, .count = 1, .v.f = v };
}

static void put_int(rig *r, const char *name, int64_t v)
{
    r->attrs[r->list.count++] = (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v };
}

static void begin(rig *r, wt_opcode op, size_t n_in)
{
    r->list = (wt_attrs){ r->attrs, 0 };
    for (size_t i = 0; i < n_in; i++)
        r->pin[i] = &r->in[i];
    r->pout = &r->out;
    r->prep = (wt_prep){ .ctx = r->ctx,
                         .op = op,
                         .op_type = wt_op_get(op)->name,
                         .node_name = "n",
                         .attrs = &r->list,
                         .in = r->pin,
                         .n_in = n_in,
                         .out = &r->pout,
                         .n_out = 1,
                         .threads = 1,
                         .cpu = wt_context_cpu(r->ctx),
                         .arena = &r->arena };
}

/* Runs one row on exact blocks; false when the row does not take the case or the machine. */
static bool run_row(rig *r, const char *name, void *result)
{
    wt_prep p = r->prep;
    const wt_kernel *k = wt_kernel_pick(&p, name);
    wt_err err;
    size_t bytes;
    if (!k || strcmp(k->name, name))
        return false;
    assert_int_equal(k->prepare(&p, &err), WT_OK);
    assert_true(wt_tensor_size(&r->out, &bytes));
    wt_tensor in[3], out = r->out, *po = &out;
    const wt_tensor *pi[3];
    for (size_t i = 0; i < r->prep.n_in; i++) {
        in[i] = r->in[i];
        void *copy = malloc(in[i].bytes ? in[i].bytes : 1);
        memcpy(copy, r->in[i].data, in[i].bytes);
        in[i].data = copy;
        pi[i] = &in[i];
    }
    out.data = malloc(bytes ? bytes : 1);
    out.bytes = bytes;
    const wt_run run = { .params = p.params,
                         .in = pi,
                         .n_in = r->prep.n_in,
                         .out = &po,
                         .n_out = 1,
                         .nthreads = 1,
                         .scratch = wt_arena_alloc(&r->arena, p.scratch_bytes + 64, 1, NULL) };
    assert_int_equal(k->run(&run, &err), WT_OK);
    memcpy(result, out.data, bytes);
    for (size_t i = 0; i < r->prep.n_in; i++)
        free((void *)(uintptr_t)in[i].data);
    free((void *)(uintptr_t)out.data);
    return true;
}

static void check(rig *r, const char *reference, const char *const *rows)
{
    static uint8_t want[4 * MOST], got[4 * MOST];
    size_t bytes;
    assert_true(wt_tensor_size(&r->out, &bytes));
    assert_true(run_row(r, reference, want));
    for (; *rows; rows++)
        if (run_row(r, *rows, got))
            assert_memory_equal(want, got, bytes);
}

static uint8_t bytes_a[MOST], bytes_b[MOST];
static float floats[MOST];

static void fill(uint64_t seed)
{
    for (size_t i = 0; i < MOST; i++) {
        bytes_a[i] = (uint8_t)wt_random(&seed);
        bytes_b[i] = (uint8_t)wt_random(&seed);
        floats[i] = (float)(wt_random_unit(&seed) * 8 - 4);
    }
    floats[3] = NAN;
    floats[5] = INFINITY;
    floats[7] = -INFINITY;
    floats[9] = 0.5f * 0.0173f; /* a tie */
}

static void shape(wt_tensor *t, wt_dtype dtype, wt_layout layout, int rank, const int64_t *dims, const void *data)
{
    *t = (wt_tensor){ .dtype = dtype, .layout = layout, .shape = wt_shape_make(rank, dims), .data = data };
    assert_true(wt_tensor_size(t, &t->bytes));
}

static void tables(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantunary_i8_avx2", "quantunary_i8_avx512vbmi", NULL };
    const int64_t len = 256;
    fill(1);
    wt_tensor table = { .dtype = WT_U8, .shape = wt_shape_make(1, &len), .data = bytes_b, .bytes = 256 };
    for (int64_t n = 1; n < 200; n++) {
        begin(r, WT_OP_QUANTUNARY, 1);
        r->attrs[r->list.count++] = (wt_attr){
            .name = "table", .type = WT_ATTR_TENSOR, .count = 1, .v.tensor = &table
        };
        shape(&r->in[0], WT_U8, WT_PLAIN, 1, &n, bytes_a);
        shape(&r->out, WT_U8, WT_PLAIN, 1, &n, NULL);
        check(r, "quantunary_i8_ref", rows);
    }
}

static void binary_attrs(rig *r, const char *op, float y_scale)
{
    r->attrs[r->list.count++] = (wt_attr){
        .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { op, strlen(op) }
    };
    put_float(r, "a_scale", 0.031f);
    put_int(r, "a_zp", 117);
    put_float(r, "b_scale", 0.0077f);
    put_int(r, "b_zp", 3);
    put_float(r, "y_scale", y_scale);
    put_int(r, "y_zp", 101);
}

/* Results that spread over the codes, that sit on ties (0.0155 = 0.031 / 2), that saturate, that are far too large. */
static const float y_scales[] = { 0.029f, 0.0155f, 0.062f, 0.001f, 1e-9f, 1e-37f, 3e4f };

static void sums_and_products(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantbinary_i8_avx2", "quantbinary_i8_avx512", NULL };
    static const char *const ops[] = { "Add", "Mul", "Sub" };
    fill(2);
    for (size_t k = 0; k < 3 * WT_ARRAY_LEN(y_scales); k++)
        for (int64_t n = 1; n < 200; n++) {
            const bool is_signed = n % 2;
            begin(r, WT_OP_QUANTBINARY, 2);
            binary_attrs(r, ops[k % 3], y_scales[k / 3]);
            shape(&r->in[0], WT_U8, WT_PLAIN, 1, &n, bytes_a + n);
            shape(&r->in[1], WT_I8, WT_PLAIN, 1, &n, bytes_b + n);
            shape(&r->out, is_signed ? WT_I8 : WT_U8, WT_PLAIN, 1, &n, NULL);
            check(r, "quantbinary_i8_ref", rows);
        }
}

/* A number a channel beside an image, on either side. */
static void channels(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantbinary_i8_avx2", "quantbinary_i8_avx512", NULL };
    static const char *const ops[] = { "Mul", "Add", "Sub" };
    fill(3);
    for (size_t k = 0; k < 6 * WT_ARRAY_LEN(y_scales); k++)
        for (int64_t w = 1; w < 9; w++) {
            const int side = k % 2;
            const int64_t image[4] = { 2, 32, 3, w }, one[4] = { 2, 32, 1, 1 };
            begin(r, WT_OP_QUANTBINARY, 2);
            binary_attrs(r, ops[k / 2 % 3], y_scales[k / 6]);
            shape(&r->in[side], side ? WT_I8 : WT_U8, WT_C16, 4, image, bytes_a);
            shape(&r->in[1 - side], side ? WT_U8 : WT_I8, WT_C16, 4, one, bytes_b);
            shape(&r->out, w % 2 ? WT_U8 : WT_I8, WT_C16, 4, image, NULL);
            check(r, "quantbinary_i8_ref", rows);
        }
}

static void put_ints(rig *r, const char *name, const int64_t *v, size_t n)
{
    r->attrs[r->list.count++] = (wt_attr){ .name = name, .type = WT_ATTR_INTS, .count = n, .v.ints = v };
}

static void pool_attrs(rig *r, bool is_signed)
{
    put_float(r, "x_scale", 0.031f);
    put_int(r, "x_zp", is_signed ? -7 : 93);
    put_float(r, "y_scale", 0.0241f);
    put_int(r, "y_zp", 77);
}

/* The whole image: all sizes up to more than 16 bits of sums hold, channels that do not fill a block. */
static void global_averages(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantpool_i8_avx2", NULL };
    static const char op[] = "GlobalAveragePool";
    fill(5);
    for (int64_t w = 1; w < 48; w++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            const int64_t image[4] = { 1, w % 2 ? 16 : 13, w > 40 ? 5 : 1, w }, one[4] = { 1, image[1], 1, 1 };
            begin(r, WT_OP_QUANTPOOL, 1);
            r->attrs[r->list.count++] = (wt_attr){
                .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { op, strlen(op) }
            };
            pool_attrs(r, is_signed);
            shape(&r->in[0], is_signed ? WT_I8 : WT_U8, WT_C16, 4, image, bytes_a);
            shape(&r->out, is_signed ? WT_I8 : WT_U8, WT_C16, 4, one, NULL);
            check(r, "quantpool_i8_ref", rows);
        }
}

/* Sums at the limits of what 16 bits hold between two carries. */
static void large_averages(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantpool_i8_avx2", NULL };
    static const char op[] = "GlobalAveragePool";
    static const uint8_t extremes[] = { 255, 128, 127 };
    const int64_t image[4] = { 1, 16, 3, 301 }, one[4] = { 1, 16, 1, 1 };
    static uint8_t same[16 * 3 * 301];
    for (size_t k = 0; k < 2 * WT_ARRAY_LEN(extremes); k++) {
        memset(same, extremes[k / 2], sizeof same);
        begin(r, WT_OP_QUANTPOOL, 1);
        r->attrs[r->list.count++] = (wt_attr){
            .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { op, strlen(op) }
        };
        pool_attrs(r, k % 2);
        shape(&r->in[0], k % 2 ? WT_I8 : WT_U8, WT_C16, 4, image, same);
        shape(&r->out, k % 2 ? WT_I8 : WT_U8, WT_C16, 4, one, NULL);
        check(r, "quantpool_i8_ref", rows);
    }
}

/* Windows with strides, padding, dilation, in one and two dimensions; index: everything in turn. */
static void one_window(rig *r, wt_opcode code, int64_t index)
{
    static const char *const average[] = { "quantpool_i8_avx2", NULL };
    static const char *const max[] = { "maxpool_i8_avx2", NULL };
    static const char op[] = "AveragePool";
    const int64_t k = index % 3 + 1, s = index / 3 % 3 + 1, d = index / 9 % 2 + 1, pad = k > 1 ? index / 18 % 2 : 0,
                  h = 5 + index % 4, w = 6 + index % 5, channels = index % 2 ? 32 : 21, reach = (k - 1) * d + 1;
    const int64_t kernel[] = { k, k }, strides[] = { s, s }, dilations[] = { d, d }, pads[] = { pad, pad, 0, pad };
    const int64_t one_pads[] = { pad, pad };
    const int rank = index % 7 ? 4 : 3;
    const int64_t oh = (h + pad - reach) / s + 1, ow = (w + 2 * pad - reach) / s + 1;
    const int64_t x2[] = { 1, channels, h, w }, y2[] = { 1, channels, oh, ow }, x1[] = { 1, channels, w },
                  y1[] = { 1, channels, ow };
    const bool is_signed = index % 4 > 1;
    begin(r, code, 1);
    put_ints(r, "kernel_shape", kernel, (size_t)rank - 2);
    put_ints(r, "strides", strides, (size_t)rank - 2);
    put_ints(r, "dilations", dilations, (size_t)rank - 2);
    put_ints(r, "pads", rank == 4 ? pads : one_pads, 2 * ((size_t)rank - 2));
    if (code == WT_OP_QUANTPOOL) {
        r->attrs[r->list.count++] = (wt_attr){
            .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { op, strlen(op) }
        };
        put_int(r, "count_include_pad", index / 5 % 2);
        pool_attrs(r, is_signed);
    }
    shape(&r->in[0], is_signed ? WT_I8 : WT_U8, WT_C16, rank, rank == 4 ? x2 : x1, bytes_a);
    shape(&r->out, is_signed ? WT_I8 : WT_U8, WT_C16, rank, rank == 4 ? y2 : y1, NULL);
    check(r, code == WT_OP_QUANTPOOL ? "quantpool_i8_ref" : "maxpool_any_ref", code == WT_OP_QUANTPOOL ? average : max);
}

static void windows(void **state)
{
    fill(6);
    for (int64_t i = 0; i < 36 * 35; i++) {
        one_window(*state, WT_OP_QUANTPOOL, i);
        one_window(*state, WT_OP_MAXPOOL, i);
    }
}

static void borders(void **state)
{
    rig *r = *state;
    static const char *const to[] = { "quantizelinear_f32_avx2", "quantizelinear_f32_avx512", NULL };
    static const char *const back[] = { "dequantizelinear_f32_avx2", "dequantizelinear_f32_avx512", NULL };
    static const float scale = 0.0173f;
    static const uint8_t zero = 121;
    fill(4);
    for (int64_t n = 1; n < 70; n++) {
        begin(r, WT_OP_QUANTIZELINEAR, 3);
        shape(&r->in[0], WT_F32, WT_PLAIN, 1, &n, floats);
        shape(&r->in[1], WT_F32, WT_PLAIN, 0, NULL, &scale);
        shape(&r->in[2], WT_U8, WT_PLAIN, 0, NULL, &zero);
        shape(&r->out, WT_U8, WT_PLAIN, 1, &n, NULL);
        check(r, "quantizelinear_any_ref", to);
        begin(r, WT_OP_DEQUANTIZELINEAR, 3);
        shape(&r->in[0], WT_U8, WT_PLAIN, 1, &n, bytes_a);
        shape(&r->out, WT_F32, WT_PLAIN, 1, &n, NULL);
        check(r, "dequantizelinear_any_ref", back);
    }
}

/* Functions of floats against the C library in double precision; tails, special values and signs of zero. */
static void functions(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "tanh_f32_avx2", "tanh_f32_avx512" };
    static float got[200];
    fill(7);
    floats[11] = 1e-30f;
    floats[13] = -0.0f;
    for (size_t k = 0; k < WT_ARRAY_LEN(rows); k++)
        for (int64_t n = 1; n < 200; n++) {
            begin(r, WT_OP_TANH, 1);
            shape(&r->in[0], WT_F32, WT_PLAIN, 1, &n, floats);
            shape(&r->out, WT_F32, WT_PLAIN, 1, &n, NULL);
            if (!run_row(r, rows[k], got))
                continue;
            for (int64_t i = 0; i < n; i++) {
                const double want = tanh((double)floats[i]);
                assert_int_equal(isnan(want) != 0, isnan(got[i]) != 0);
                assert_int_equal(signbit(want) != 0, signbit(got[i]) != 0 && !isnan(want));
                assert_true(isnan(want) || fabs((double)got[i] - want) <= 4e-7 * fabs(want));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_and_products, setup, teardown),
        cmocka_unit_test_setup_teardown(channels, setup, teardown),
        cmocka_unit_test_setup_teardown(global_averages, setup, teardown),
        cmocka_unit_test_setup_teardown(large_averages, setup, teardown),
        cmocka_unit_test_setup_teardown(windows, setup, teardown),
        cmocka_unit_test_setup_teardown(borders, setup, teardown),
        cmocka_unit_test_setup_teardown(functions, setup, teardown),
    };
    return wt_test_run("pointwise on codes", tests, WT_ARRAY_LEN(tests));
}
