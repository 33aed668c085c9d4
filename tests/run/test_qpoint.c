/* test_qpoint.c - pointwise work on codes: every row the machine has against the portable one, bit for bit, on all
 * lengths up to a few vectors, in exact heap blocks. */
#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "run/kernel.h"
#include "support/test.h"

enum { MOST = 4096 };
typedef struct rig {
    wt_context *ctx;
    wt_arena arena;
    wt_attr attrs[10];
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

static void binary_attrs(rig *r, const char *op)
{
    r->attrs[r->list.count++] = (wt_attr){
        .name = "op", .type = WT_ATTR_STRING, .count = 1, .v.s = { op, strlen(op) }
    };
    put_float(r, "a_scale", 0.031f);
    put_int(r, "a_zp", 117);
    put_float(r, "b_scale", 0.0077f);
    put_int(r, "b_zp", -3);
    put_float(r, "y_scale", 0.029f);
    put_int(r, "y_zp", 101);
}

static void sums_and_products(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantbinary_i8_avx2", "quantbinary_i8_avx512", NULL };
    static const char *const ops[] = { "Add", "Mul", "Sub" };
    fill(2);
    for (int k = 0; k < 3; k++)
        for (int64_t n = 1; n < 70; n++) {
            begin(r, WT_OP_QUANTBINARY, 2);
            binary_attrs(r, ops[k]);
            shape(&r->in[0], WT_U8, WT_PLAIN, 1, &n, bytes_a);
            shape(&r->in[1], WT_I8, WT_PLAIN, 1, &n, bytes_b);
            shape(&r->out, WT_U8, WT_PLAIN, 1, &n, NULL);
            check(r, "quantbinary_i8_ref", rows);
        }
}

/* A number a channel beside an image, on either side. */
static void channels(void **state)
{
    rig *r = *state;
    static const char *const rows[] = { "quantbinary_i8_avx2", "quantbinary_i8_avx512", NULL };
    fill(3);
    for (int side = 0; side < 2; side++)
        for (int64_t w = 1; w < 9; w++) {
            const int64_t image[4] = { 2, 32, 3, w }, one[4] = { 2, 32, 1, 1 };
            begin(r, WT_OP_QUANTBINARY, 2);
            binary_attrs(r, "Mul");
            shape(&r->in[side], side ? WT_I8 : WT_U8, WT_C16, 4, image, bytes_a);
            shape(&r->in[1 - side], side ? WT_U8 : WT_I8, WT_C16, 4, one, bytes_b);
            shape(&r->out, WT_U8, WT_C16, 4, image, NULL);
            check(r, "quantbinary_i8_ref", rows);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables, setup, teardown),
        cmocka_unit_test_setup_teardown(sums_and_products, setup, teardown),
        cmocka_unit_test_setup_teardown(channels, setup, teardown),
        cmocka_unit_test_setup_teardown(borders, setup, teardown),
    };
    return wt_test_run("pointwise on codes", tests, WT_ARRAY_LEN(tests));
}
