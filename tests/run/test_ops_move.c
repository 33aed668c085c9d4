/* test_ops_move.c - operators that move, pick, join and cut. */
#include "op_harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void iota(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)i;
}

/* --- views
 * ------------------------------------------------------------------------------------------------------------- */
static void reshape(void **state)
{
    float v[24];
    op_test t;
    (void)state;
    iota(v, 24);
    op_begin(&t, WT_OP_RESHAPE);
    op_f32(&t, "2x3x4", v);
    op_i64(&t, "3", (int64_t[]){ 0, -1, 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x6x2", v);
    op_end(&t);
    static const struct {
        int64_t v[3];
        const char *part;
    } bad[] = { { { -1, -1, 2 }, "two dimensions of -1" },
                { { 5, -1, 1 }, "do not fit" },
                { { 2, 3, 5 }, "do not fit" },
                { { -2, 3, 4 }, "expected -1 or more" },
                { { INT64_MAX, INT64_MAX, 2 }, "too large" },
                { { 0, 0, 0 }, NULL } };
    for (size_t i = 0; i + 1 < WT_ARRAY_LEN(bad); i++) {
        op_begin(&t, WT_OP_RESHAPE);
        op_f32(&t, "2x3x4", v);
        op_i64(&t, "3", bad[i].v);
        op_refused(&t, 1, WT_EFORMAT, bad[i].part);
        op_end(&t);
    }
    op_begin(&t, WT_OP_RESHAPE); /* allowzero: a zero is a zero */
    op_int(&t, "allowzero", 1);
    op_f32(&t, "2x0", v);
    op_i64(&t, "3", (int64_t[]){ 0, 3, 5 });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_F32, "0x3x5");
    op_end(&t);
    op_begin(&t, WT_OP_RESHAPE); /* copies from an axis that is not there */
    op_f32(&t, "6", v);
    op_i64(&t, "3", (int64_t[]){ 2, 3, 0 });
    op_refused(&t, 1, WT_EFORMAT, "only 1 dimensions");
    op_end(&t);
    op_begin(&t, WT_OP_RESHAPE);
    op_f32(&t, "1", v);
    op_i64(&t, "9", (int64_t[]){ 1, 1, 1, 1, 1, 1, 1, 1, 1 });
    op_refused(&t, 1, WT_EFORMAT, "at most 8");
    op_end(&t);
}

static void squeeze_and_unsqueeze(void **state)
{
    float v[6];
    op_test t;
    (void)state;
    iota(v, 6);
    op_begin(&t, WT_OP_SQUEEZE);
    op_f32(&t, "1x2x1x3", v);
    op_i64(&t, "1", (int64_t[]){ -2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x3", v);
    op_end(&t);
    op_begin(&t, WT_OP_SQUEEZE);
    op_f32(&t, "1x2x1x3", v);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", v);
    op_end(&t);
    op_begin(&t, WT_OP_SQUEEZE);
    op_f32(&t, "1x2x1x3", v);
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "only 1 can be squeezed");
    op_end(&t);
    op_begin(&t, WT_OP_UNSQUEEZE);
    op_f32(&t, "2x3", v);
    op_i64(&t, "2", (int64_t[]){ 0, -1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x3x1", v);
    op_end(&t);
    op_begin(&t, WT_OP_UNSQUEEZE);
    op_f32(&t, "2x3", v);
    op_i64(&t, "2", (int64_t[]){ 0, 0 });
    op_refused(&t, 1, WT_EFORMAT, "given twice");
    op_end(&t);
    op_begin(&t, WT_OP_FLATTEN);
    op_int(&t, "axis", 3);
    op_f32(&t, "1x2x3", v);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "6x1", v);
    op_end(&t);
    op_begin(&t, WT_OP_FLATTEN);
    op_int(&t, "axis", 4);
    op_f32(&t, "1x2x3", v);
    op_refused(&t, 1, WT_EFORMAT, "axis is 4");
    op_end(&t);
    op_begin(&t, WT_OP_SHAPE);
    op_int(&t, "start", -2);
    op_f32(&t, "1x2x3", v);
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2", (int64_t[]){ 2, 3 });
    op_end(&t);
    op_begin(&t, WT_OP_SIZE);
    op_f32(&t, "1x2x3", v);
    op_run(&t, 1);
    op_expect_i64(&t, 0, "scalar", (int64_t[]){ 6 });
    op_end(&t);
}

/* --- boxes
 * ------------------------------------------------------------------------------------------------------------- */
/* Every permutation of four dims, for elements of every size, against index arithmetic. */
static void transpose(void **state)
{
    static const wt_dtype types[] = { WT_U8, WT_F16, WT_F32, WT_F64, WT_STRING };
    static const int64_t dim[4] = { 3, 17, 5, 18 };
    op_test t;
    (void)state;
    char *data = calloc(3 * 17 * 5 * 18, 16);
    assert_non_null(data);
    for (size_t i = 0; i < 3 * 17 * 5 * 18 * 16; i++)
        data[i] = (char)(i * 7 + i / 251);
    for (int perm = 0; perm < 256; perm++) {
        const int64_t p[4] = { perm & 3, perm >> 2 & 3, perm >> 4 & 3, perm >> 6 };
        if ((1 << p[0] | 1 << p[1] | 1 << p[2] | 1 << p[3]) != 15)
            continue;
        const wt_dtype type = types[perm % 5];
        const size_t elem = wt_dtype_get(type)->block_bytes;
        op_begin(&t, WT_OP_TRANSPOSE);
        op_ints(&t, "perm", p, 4);
        op_in(&t, type, "3x17x5x18", data);
        op_run(&t, 1);
        for (int64_t i = 0; i < 3 * 17 * 5 * 18; i++) {
            int64_t rest = i, index[4], from = 0;
            for (int d = 3; d >= 0; d--) {
                index[p[d]] = rest % dim[p[d]];
                rest /= dim[p[d]];
            }
            for (int d = 0; d < 4; d++)
                from = from * dim[d] + index[d];
            assert_memory_equal((const char *)t.out[0].data + (size_t)i * elem, data + (size_t)from * elem, elem);
        }
        op_end(&t);
    }
    free(data);
    op_begin(&t, WT_OP_TRANSPOSE);
    op_random(&t, WT_F32, "2x3x200x300", 0, 1, 1);
    op_run(&t, 1);
    assert_true(t.threaded);
    op_expect_shape(&t, 0, WT_F32, "300x200x3x2");
    op_end(&t);
    op_begin(&t, WT_OP_TRANSPOSE);
    op_ints(&t, "perm", (int64_t[]){ 0, 0 }, 2);
    op_random(&t, WT_F32, "2x3", 0, 1, 1);
    op_refused(&t, 1, WT_EFORMAT, "given twice");
    op_end(&t);
    op_begin(&t, WT_OP_TRANSPOSE);
    op_ints(&t, "perm", (int64_t[]){ 0, 7 }, 2);
    op_random(&t, WT_F32, "2x3", 0, 1, 1);
    op_refused(&t, 1, WT_EFORMAT, "does not exist");
    op_end(&t);
}

static void slice(void **state)
{
    float v[20];
    op_test t;
    (void)state;
    iota(v, 20);
    static const struct {
        int64_t start, end, step;
        int64_t n, want[5];
    } cases[] = { { 1, 4, 2, 2, { 1, 3 } },
                  { -2, INT64_MAX, 1, 2, { 3, 4 } },
                  { -1, INT64_MIN, -1, 5, { 4, 3, 2, 1, 0 } },
                  { 3, 0, -2, 2, { 3, 1 } },
                  { 9, 20, 1, 0, { 0 } },
                  { INT64_MIN, INT64_MAX, INT64_MAX, 1, { 0 } },
                  { INT64_MAX, INT64_MIN, INT64_MIN, 1, { 4 } },
                  { 2, 2, 1, 0, { 0 } },
                  { 1, 3, -1, 0, { 0 } },
                  { -100, 2, 1, 2, { 0, 1 } } };
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        op_begin(&t, WT_OP_SLICE);
        op_f32(&t, "4x5", v);
        op_i64(&t, "1", &cases[i].start);
        op_i64(&t, "1", &cases[i].end);
        op_i64(&t, "1", (int64_t[]){ -1 });
        op_i64(&t, "1", &cases[i].step);
        op_run(&t, 1);
        assert_int_equal(t.out[0].shape.dim[1], cases[i].n);
        for (int64_t k = 0; k < 4 * cases[i].n; k++)
            assert_true(op_at(&t, 0, (size_t)k) == (float)(k / cases[i].n * 5 + cases[i].want[k % cases[i].n]));
        op_end(&t);
    }
    op_begin(&t, WT_OP_SLICE);
    op_f32(&t, "4x5", v);
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_refused(&t, 1, WT_EFORMAT, "step of axis 0 is 0");
    op_end(&t);
    op_begin(&t, WT_OP_SLICE);
    op_f32(&t, "4x5", v);
    op_i64(&t, "2", (int64_t[]){ 0, 0 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "another number");
    op_end(&t);
    op_begin(&t, WT_OP_SLICE);
    op_f32(&t, "4x5", v);
    op_i64(&t, "1", (int64_t[]){ 0 });
    op_i64(&t, "1", (int64_t[]){ 1 });
    op_i64(&t, "1", (int64_t[]){ -3 });
    op_refused(&t, 1, WT_EFORMAT, "does not exist");
    op_end(&t);
}

static void concat_and_split(void **state)
{
    float v[12];
    op_test t;
    (void)state;
    iota(v, 12);
    op_begin(&t, WT_OP_CONCAT);
    op_int(&t, "axis", -1);
    op_f32(&t, "2x1", (float[]){ 1, 2 });
    op_f32(&t, "2x0", v);
    op_f32(&t, "2x2", (float[]){ 3, 4, 5, 6 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 1, 3, 4, 2, 5, 6 });
    op_end(&t);
    op_begin(&t, WT_OP_CONCAT);
    op_int(&t, "axis", 1);
    op_f32(&t, "2x1", v);
    op_f32(&t, "3x1", v);
    op_refused(&t, 1, WT_EFORMAT, "expected 2");
    op_end(&t);
    op_begin(&t, WT_OP_CONCAT);
    op_int(&t, "axis", 2);
    op_f32(&t, "2x1", v);
    op_refused(&t, 1, WT_EFORMAT, "axis is 2");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_f32(&t, "5x2", v);
    op_i64(&t, "3", (int64_t[]){ 1, 0, 4 });
    op_run(&t, 3);
    op_expect_f32(&t, 0, "1x2", v);
    op_expect_f32(&t, 1, "0x2", v);
    op_expect_f32(&t, 2, "4x2", v + 2);
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_int(&t, "num_outputs", 3);
    op_f32(&t, "5x2", v);
    op_run(&t, 3);
    op_expect_f32(&t, 2, "1x2", v + 8);
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT); /* more parts than elements */
    op_int(&t, "num_outputs", 4);
    op_f32(&t, "2x2", v);
    op_run(&t, 4);
    op_expect_f32(&t, 1, "1x2", v + 2);
    op_expect_shape(&t, 3, WT_F32, "0x2");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_f32(&t, "5x2", v);
    op_i64(&t, "2", (int64_t[]){ 1, 3 });
    op_refused(&t, 2, WT_EFORMAT, "add up to 4");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_f32(&t, "5x2", v);
    op_i64(&t, "2", (int64_t[]){ -1, 6 });
    op_refused(&t, 2, WT_EFORMAT, "is -1");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_int(&t, "num_outputs", 0);
    op_f32(&t, "5x2", v);
    op_refused(&t, 2, WT_EFORMAT, "num_outputs is 0");
    op_end(&t);
}

static void concat_and_split_in_blocks(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_CONCAT);
    op_int(&t, "axis", 1);
    op_random(&t, WT_F32, "2x32x3x5", -1, 1, 1);
    op_random(&t, WT_F32, "2x16x3x5", -1, 1, 2);
    op_random(&t, WT_F32, "2x7x3x5", -1, 1, 3);
    op_run(&t, 1);
    const wt_tensor plain = t.out[0];
    for (size_t i = 0; i < 3; i++) {
        t.n_in = i + 1;
        op_c16(&t);
    }
    t.out_layout = WT_C16;
    op_run(&t, 1);
    for (size_t i = 0; i < 2 * 55 * 15; i++)
        assert_true(op_at(&t, 0, i) == ((const float *)plain.data)[i]);
    op_end(&t);
    op_begin(&t, WT_OP_CONCAT); /* a block that is not full in the middle */
    op_int(&t, "axis", 1);
    op_random(&t, WT_F32, "2x7x3x5", -1, 1, 1);
    op_c16(&t);
    op_random(&t, WT_F32, "2x16x3x5", -1, 1, 2);
    op_c16(&t);
    t.out_layout = WT_C16;
    op_refused(&t, 1, WT_EUNSUPPORTED, "no row");
    op_end(&t);
    op_begin(&t, WT_OP_SPLIT);
    op_int(&t, "axis", 1);
    op_random(&t, WT_U8, "2x48x3x5", 0, 255, 1);
    op_i64(&t, "2", (int64_t[]){ 32, 16 });
    t.n_in = 1;
    op_c16(&t);
    t.n_in = 2;
    t.out_layout = WT_C16;
    op_run(&t, 2);
    assert_memory_equal(t.out[1].data, (const char *)t.in[0].data + 2 * 15 * 16, 15 * 16);
    op_end(&t);
}

static void expand_and_tile(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_EXPAND);
    op_f32(&t, "3x1", (float[]){ 1, 2, 3 });
    op_i64(&t, "3", (int64_t[]){ 2, 1, 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3x2", (float[]){ 1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3 });
    op_end(&t);
    op_begin(&t, WT_OP_EXPAND);
    op_f32(&t, "3x1", (float[]){ 1, 2, 3 });
    op_i64(&t, "2", (int64_t[]){ 2, 2 });
    op_refused(&t, 1, WT_EFORMAT, "do not broadcast");
    op_end(&t);
    op_begin(&t, WT_OP_EXPAND);
    op_f32(&t, "3x1", (float[]){ 1, 2, 3 });
    op_i64(&t, "1", (int64_t[]){ -2 });
    op_refused(&t, 1, WT_EFORMAT, "is -2");
    op_end(&t);
    op_begin(&t, WT_OP_TILE);
    op_u8(&t, "2x2", (uint8_t[]){ 1, 2, 3, 4 });
    op_i64(&t, "2", (int64_t[]){ 2, 3 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "4x6",
              (uint8_t[]){ 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_TILE);
    op_u8(&t, "2x2", (uint8_t[]){ 1, 2, 3, 4 });
    op_i64(&t, "2", (int64_t[]){ 0, 3 });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_U8, "0x6");
    op_end(&t);
    op_begin(&t, WT_OP_TILE);
    op_u8(&t, "2x2", (uint8_t[]){ 1, 2, 3, 4 });
    op_i64(&t, "2", (int64_t[]){ 1, INT64_MAX });
    op_refused(&t, 1, WT_EFORMAT, "too large");
    op_end(&t);
}

static void blocks_and_space(void **state)
{
    float v[8];
    op_test t;
    (void)state;
    iota(v, 8);
    op_begin(&t, WT_OP_DEPTHTOSPACE);
    op_int(&t, "blocksize", 2);
    op_f32(&t, "1x8x1x1", v);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x2x2", (float[]){ 0, 2, 4, 6, 1, 3, 5, 7 });
    op_end(&t);
    op_begin(&t, WT_OP_DEPTHTOSPACE);
    op_int(&t, "blocksize", 2);
    op_text(&t, "mode", "CRD");
    op_f32(&t, "1x8x1x1", v);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2x2x2", v);
    op_end(&t);
    op_begin(&t, WT_OP_SPACETODEPTH);
    op_int(&t, "blocksize", 2);
    op_f32(&t, "1x1x2x4", v);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x4x1x2", (float[]){ 0, 2, 1, 3, 4, 6, 5, 7 });
    op_end(&t);
    op_begin(&t, WT_OP_SPACETODEPTH);
    op_int(&t, "blocksize", 3);
    op_f32(&t, "1x1x2x4", v);
    op_refused(&t, 1, WT_EFORMAT, "not a multiple of 3");
    op_end(&t);
    op_begin(&t, WT_OP_DEPTHTOSPACE);
    op_int(&t, "blocksize", -1);
    op_f32(&t, "1x1x2x4", v);
    op_refused(&t, 1, WT_EFORMAT, "blocksize is -1");
    op_end(&t);
}

static void reorder_both_ways(void **state)
{
    static const wt_dtype types[] = { WT_U8, WT_F16, WT_F32, WT_F64 };
    (void)state;
    for (size_t k = 0; k < WT_ARRAY_LEN(types); k++)
        for (int channels = 1; channels < 40; channels += 7) {
            char shape[32];
            op_test t;
            snprintf(shape, sizeof shape, "2x%dx5x9", channels);
            op_begin(&t, WT_OP_REORDER);
            op_random(&t, types[k], shape, 0, 100, (uint64_t)channels);
            t.out_layout = WT_C16;
            op_run(&t, 1);
            wt_tensor back = t.out[0];
            const wt_tensor plain = t.in[0];
            t.in[0] = back;
            t.out_layout = WT_PLAIN;
            op_run(&t, 1);
            assert_memory_equal(t.out[0].data, plain.data, plain.bytes);
            op_end(&t);
        }
    op_test t;
    op_begin(&t, WT_OP_REORDER);
    op_random(&t, WT_F32, "1x40x64x64", 0, 1, 1);
    t.out_layout = WT_C16;
    op_run(&t, 1);
    assert_true(t.threaded);
    op_end(&t);
}

/* --- indices
 * ----------------------------------------------------------------------------------------------------------- */
static void gather(void **state)
{
    float v[12];
    op_test t;
    (void)state;
    iota(v, 12);
    op_begin(&t, WT_OP_GATHER);
    op_int(&t, "axis", 1);
    op_f32(&t, "2x3x2", v);
    op_i64(&t, "1x2", (int64_t[]){ -1, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x1x2x2", (float[]){ 4, 5, 0, 1, 10, 11, 6, 7 });
    op_end(&t);
    op_begin(&t, WT_OP_GATHER);
    op_f32(&t, "3x4", v);
    op_i32(&t, "scalar", (int32_t[]){ 3 });
    op_hide(&t);
    op_refused(&t, 1, WT_EFORMAT, "outside an axis of length 3");
    op_end(&t);
    op_begin(&t, WT_OP_GATHER);
    op_f32(&t, "3x4", v);
    op_i64(&t, "1", (int64_t[]){ INT64_MIN });
    op_refused(&t, 1, WT_EFORMAT, "outside");
    op_end(&t);
    op_begin(&t, WT_OP_GATHERELEMENTS);
    op_int(&t, "axis", 1);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "2x3", (int64_t[]){ 0, 0, -1, 1, 0, 1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 1, 1, 2, 4, 3, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_GATHERELEMENTS);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "2x3", (int64_t[]){ 0, 0, -1, 1, 0, 1 });
    op_refused(&t, 1, WT_EFORMAT, "more than the data's 2");
    op_end(&t);
    op_begin(&t, WT_OP_GATHERND);
    op_int(&t, "batch_dims", 1);
    op_f32(&t, "2x2x2", v);
    op_i64(&t, "2x1", (int64_t[]){ 1, 0 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x2", (float[]){ 2, 3, 4, 5 });
    op_end(&t);
    op_begin(&t, WT_OP_GATHERND);
    op_f32(&t, "2x2", v);
    op_i64(&t, "2x2", (int64_t[]){ 0, 0, 2, 0 });
    op_refused(&t, 1, WT_EFORMAT, "outside");
    op_end(&t);
    op_begin(&t, WT_OP_GATHERND);
    op_f32(&t, "2x2", v);
    op_i64(&t, "1x3", (int64_t[]){ 0, 0, 0 });
    op_refused(&t, 1, WT_EFORMAT, "an index has 3 coordinates");
    op_end(&t);
}

static void scatter(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_SCATTERELEMENTS);
    op_int(&t, "axis", 1);
    op_text(&t, "reduction", "add");
    op_f32(&t, "1x3", (float[]){ 1, 2, 3 });
    op_i64(&t, "1x2", (int64_t[]){ -1, -1 });
    op_f32(&t, "1x2", (float[]){ 10, 20 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x3", (float[]){ 1, 2, 33 });
    op_end(&t);
    op_begin(&t, WT_OP_SCATTERND);
    op_text(&t, "reduction", "max");
    op_in(&t, WT_F16, "3", (uint16_t[]){ 0x3c00, 0x4000, 0x4200 });
    op_i64(&t, "2x1", (int64_t[]){ 0, 2 });
    op_in(&t, WT_F16, "2", (uint16_t[]){ 0x4400, 0x3c00 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_F16, "3", (uint16_t[]){ 0x4400, 0x4000, 0x4200 });
    op_end(&t);
    op_begin(&t, WT_OP_SCATTERND);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1x1", (int64_t[]){ 1 });
    op_f32(&t, "1x2", (float[]){ 8, 9 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x2", (float[]){ 1, 2, 8, 9 });
    op_end(&t);
    op_begin(&t, WT_OP_SCATTERND);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1x1", (int64_t[]){ 2 });
    op_f32(&t, "1x2", (float[]){ 8, 9 });
    op_refused(&t, 1, WT_EFORMAT, "outside");
    op_end(&t);
    op_begin(&t, WT_OP_SCATTERND);
    op_f32(&t, "2x2", (float[]){ 1, 2, 3, 4 });
    op_i64(&t, "1x1", (int64_t[]){ 1 });
    op_f32(&t, "1x3", (float[]){ 8, 9, 0 });
    op_refused(&t, 1, WT_EFORMAT, "dimension 1 of the updates");
    op_end(&t);
}

/* --- by position
 * -------------------------------------------------------------------------------------------------------- */
static void pad(void **state)
{
    static const struct {
        const char *mode;
        float want[8];
    } modes[] = { { "constant", { 9, 9, 1, 2, 3, 9, 9, 9 } },
                  { "edge", { 1, 1, 1, 2, 3, 3, 3, 3 } },
                  { "reflect", { 3, 2, 1, 2, 3, 2, 1, 2 } },
                  { "wrap", { 2, 3, 1, 2, 3, 1, 2, 3 } } };
    op_test t;
    (void)state;
    for (size_t i = 0; i < WT_ARRAY_LEN(modes); i++) {
        op_begin(&t, WT_OP_PAD);
        op_text(&t, "mode", modes[i].mode);
        op_f32(&t, "3", (float[]){ 1, 2, 3 });
        op_i64(&t, "2", (int64_t[]){ 2, 3 });
        op_f32(&t, "scalar", (float[]){ 9 });
        op_run(&t, 1);
        op_expect_f32(&t, 0, "8", modes[i].want);
        op_end(&t);
    }
    op_begin(&t, WT_OP_PAD); /* one axis, negative pads cut */
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "2", (int64_t[]){ -1, 1 });
    op_omit(&t);
    op_i64(&t, "1", (int64_t[]){ -1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 2, 3, 0, 5, 6, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_PAD); /* whole rows of padding, wide elements */
    op_in(&t, WT_U8, "1x2x1x3", (uint8_t[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "8", (int64_t[]){ 0, 1, 1, 0, 0, 0, 0, 0 });
    op_in(&t, WT_U8, "scalar", (uint8_t[]){ 7 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "1x3x2x3", (uint8_t[]){ 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 2, 3, 7, 7, 7, 4, 5, 6 });
    op_end(&t);
    static const struct {
        int64_t v[2];
        const char *part;
    } bad[] = { { { -4, 0 }, "cannot be padded" },
                { { INT64_MAX, INT64_MAX }, "cannot be padded" },
                { { INT64_MIN, 0 }, "cannot be padded" },
                { { -2, -2 }, "cannot be padded" } };
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        op_begin(&t, WT_OP_PAD);
        op_f32(&t, "3", (float[]){ 1, 2, 3 });
        op_i64(&t, "2", bad[i].v);
        op_refused(&t, 1, WT_EFORMAT, bad[i].part);
        op_end(&t);
    }
    op_begin(&t, WT_OP_PAD);
    op_f32(&t, "3", (float[]){ 1, 2, 3 });
    op_i64(&t, "3", (int64_t[]){ 1, 1, 1 });
    op_refused(&t, 1, WT_EFORMAT, "expected two for each");
    op_end(&t);
    op_begin(&t, WT_OP_PAD);
    op_text(&t, "mode", "reflect");
    op_f32(&t, "0", (float[]){ 0 });
    op_i64(&t, "2", (int64_t[]){ 1, 1 });
    op_refused(&t, 1, WT_EFORMAT, "empty");
    op_end(&t);
    op_begin(&t, WT_OP_CENTERCROPPAD);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "2", (int64_t[]){ 3, 2 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x2", (float[]){ 1, 2, 4, 5, 0, 0 });
    op_end(&t);
}

static void triangles_and_reversal(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_TRILU);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "scalar", (int64_t[]){ 1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 0, 2, 3, 0, 0, 6 });
    op_end(&t);
    op_begin(&t, WT_OP_TRILU);
    op_int(&t, "upper", 0);
    op_i64(&t, "3x2", (int64_t[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "scalar", (int64_t[]){ INT64_MIN });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "3x2", (int64_t[]){ 0, 0, 0, 0, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_REVERSESEQUENCE);
    op_int(&t, "batch_axis", 0);
    op_int(&t, "time_axis", 1);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "2", (int64_t[]){ 2, 3 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x3", (float[]){ 2, 1, 3, 6, 5, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_REVERSESEQUENCE);
    op_f32(&t, "3x2", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_i64(&t, "2", (int64_t[]){ 1, 4 });
    op_refused(&t, 1, WT_EFORMAT, "is not in 0..3");
    op_end(&t);
}

/* --- selections
 * ---------------------------------------------------------------------------------------------------------- */
static void selections(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_NONZERO);
    op_f32(&t, "2x3", (float[]){ 0, -0.0f, 5, NAN, 0, 7 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x3", (int64_t[]){ 0, 1, 1, 2, 0, 2 });
    op_end(&t);
    op_begin(&t, WT_OP_NONZERO);
    op_i64(&t, "scalar", (int64_t[]){ 4 });
    op_run(&t, 1);
    op_expect_shape(&t, 0, WT_I64, "0x1");
    op_end(&t);
    op_begin(&t, WT_OP_COMPRESS);
    op_int(&t, "axis", 1);
    op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
    op_bool(&t, "2", (uint8_t[]){ 0, 1 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "2x1", (float[]){ 2, 5 });
    op_end(&t);
    op_begin(&t, WT_OP_COMPRESS);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_bool(&t, "3", (uint8_t[]){ 0, 1, 1 });
    op_refused(&t, 1, WT_EFORMAT, "selects element 2 of 2");
    op_end(&t);
    op_begin(&t, WT_OP_UNIQUE);
    op_f32(&t, "6", (float[]){ 2, 1, 1, 3, 4, 3 });
    op_run(&t, 4);
    op_expect_f32(&t, 0, "4", (float[]){ 1, 2, 3, 4 });
    op_expect_i64(&t, 1, "4", (int64_t[]){ 1, 0, 3, 4 });
    op_expect_i64(&t, 2, "6", (int64_t[]){ 1, 0, 0, 2, 3, 2 });
    op_expect_i64(&t, 3, "4", (int64_t[]){ 2, 1, 2, 1 });
    op_end(&t);
    op_begin(&t, WT_OP_UNIQUE);
    op_int(&t, "sorted", 0);
    op_int(&t, "axis", 0);
    op_i64(&t, "4x2", (int64_t[]){ 3, 0, 1, 0, 3, 0, 1, 1 });
    op_run(&t, 4);
    op_expect_i64(&t, 0, "3x2", (int64_t[]){ 3, 0, 1, 0, 1, 1 });
    op_expect_i64(&t, 2, "4", (int64_t[]){ 0, 1, 0, 2 });
    op_end(&t);
}

static void onehot_range_and_constants(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_ONEHOT);
    op_int(&t, "axis", 0);
    op_i64(&t, "3", (int64_t[]){ 1, -1, 7 });
    op_f32(&t, "scalar", (float[]){ 3 });
    op_f32(&t, "2", (float[]){ -1, 5 });
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x3", (float[]){ -1, -1, -1, 5, -1, -1, -1, 5, -1 });
    op_end(&t);
    op_begin(&t, WT_OP_RANGE);
    op_i64(&t, "scalar", (int64_t[]){ 10 });
    op_i64(&t, "scalar", (int64_t[]){ 3 });
    op_i64(&t, "scalar", (int64_t[]){ -3 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "3", (int64_t[]){ 10, 7, 4 });
    op_end(&t);
    op_begin(&t, WT_OP_RANGE);
    op_i64(&t, "scalar", (int64_t[]){ INT64_MIN });
    op_i64(&t, "scalar", (int64_t[]){ INT64_MAX });
    op_i64(&t, "scalar", (int64_t[]){ 1 });
    op_refused(&t, 1, WT_EFORMAT, "too long");
    op_end(&t);
    op_begin(&t, WT_OP_RANGE);
    op_f32(&t, "scalar", (float[]){ 0 });
    op_f32(&t, "scalar", (float[]){ 1 });
    op_f32(&t, "scalar", (float[]){ NAN });
    op_refused(&t, 1, WT_EFORMAT, "no range");
    op_end(&t);
    op_begin(&t, WT_OP_EYELIKE);
    op_int(&t, "k", -1);
    op_int(&t, "dtype", 7);
    op_f32(&t, "2x3", (float[]){ 0, 0, 0, 0, 0, 0 });
    op_run(&t, 1);
    op_expect_i64(&t, 0, "2x3", (int64_t[]){ 0, 0, 0, 1, 0, 0 });
    op_end(&t);
    op_begin(&t, WT_OP_CONSTANTOFSHAPE);
    op_tensor(&t, "value", WT_I32, "1", (int32_t[]){ 7 });
    op_i64(&t, "2", (int64_t[]){ 2, 2 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "2x2", (int32_t[]){ 7, 7, 7, 7 });
    op_end(&t);
    op_begin(&t, WT_OP_CONSTANTOFSHAPE);
    op_i64(&t, "2", (int64_t[]){ 2, -2 });
    op_refused(&t, 1, WT_EFORMAT, "would be -2");
    op_end(&t);
    op_begin(&t, WT_OP_CONSTANTOFSHAPE);
    op_i64(&t, "3", (int64_t[]){ INT64_C(1) << 40, INT64_C(1) << 40, 1 });
    op_refused(&t, 1, WT_EFORMAT, "more elements than can be counted");
    op_end(&t);
    op_begin(&t, WT_OP_CONSTANT);
    op_int(&t, "value_int", 5);
    op_run(&t, 1);
    op_expect_i64(&t, 0, "scalar", (int64_t[]){ 5 });
    op_end(&t);
    op_begin(&t, WT_OP_CONSTANT);
    op_refused(&t, 1, WT_EFORMAT, "no attribute holds a value");
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reshape),
        cmocka_unit_test(squeeze_and_unsqueeze),
        cmocka_unit_test(transpose),
        cmocka_unit_test(slice),
        cmocka_unit_test(concat_and_split),
        cmocka_unit_test(concat_and_split_in_blocks),
        cmocka_unit_test(expand_and_tile),
        cmocka_unit_test(blocks_and_space),
        cmocka_unit_test(reorder_both_ways),
        cmocka_unit_test(gather),
        cmocka_unit_test(scatter),
        cmocka_unit_test(pad),
        cmocka_unit_test(triangles_and_reversal),
        cmocka_unit_test(selections),
        cmocka_unit_test(onehot_range_and_constants),
    };
    return wt_test_run("operators that move and select", tests, WT_ARRAY_LEN(tests));
}
