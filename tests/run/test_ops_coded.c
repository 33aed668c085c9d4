/* test_ops_coded.c - recurrences, quantized operators and ai.onnx.ml: hand-checked cases, and what a hostile file may
 * say. */
#include "op_harness.h"
#include <math.h>

static void recurrence_by_hand(void **state)
{
    op_test t;
    (void)state;
    for (int reverse = 0; reverse < 2; reverse++) { /* h = relu(x + 2 h) over three steps */
        op_begin(&t, WT_OP_RNN);
        op_f32(&t, "3x1x1", (float[]){ 1, 2, 3 });
        op_f32(&t, "1x1x1", (float[]){ 1 });
        op_f32(&t, "1x1x1", (float[]){ 2 });
        op_int(&t, "hidden_size", 1);
        if (reverse)
            op_text(&t, "direction", "reverse");
        t.attrs[t.n_attrs++] = (wt_attr){ .name = "activations",
                                          .type = WT_ATTR_STRINGS,
                                          .count = 1,
                                          .v.strings = (const wt_string[]){ { "Relu", 4 } } };
        op_run(&t, 2);
        op_expect_f32(&t, 0, "3x1x1x1", reverse ? (float[]){ 17, 8, 3 } : (float[]){ 1, 4, 11 });
        op_expect_f32(&t, 1, "1x1x1", (float[]){ reverse ? 17 : 11 });
        op_end(&t);
    }
}

static void recurrence_refuses(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_LSTM);
    op_random(&t, WT_F32, "2x1x3", -1, 1, 1);
    op_random(&t, WT_F32, "1x8x3", -1, 1, 2);
    op_random(&t, WT_F32, "1x8x2", -1, 1, 3);
    op_int(&t, "hidden_size", 3);
    op_refused(&t, 1, WT_EFORMAT, "hidden_size");
    op_end(&t);
    op_begin(&t, WT_OP_LSTM);
    op_random(&t, WT_F32, "2x1x3", -1, 1, 1);
    op_random(&t, WT_F32, "1x8x3", -1, 1, 2);
    op_random(&t, WT_F32, "1x8x2", -1, 1, 3);
    op_omit(&t);
    op_i32(&t, "1", (int32_t[]){ 3 });
    op_refused(&t, 1, WT_EFORMAT, "sequence_lens");
    op_end(&t);
    op_begin(&t, WT_OP_GRU);
    op_random(&t, WT_F32, "2x1x3", -1, 1, 1);
    op_random(&t, WT_F32, "1x6x3", -1, 1, 2);
    op_random(&t, WT_F32, "1x6x2", -1, 1, 3);
    op_text(&t, "direction", "sideways");
    op_refused(&t, 1, WT_EFORMAT, "direction");
    op_end(&t);
}

static void quantized_state_of_another_type(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_DYNAMICQUANTIZELSTM);
    op_random(&t, WT_F32, "2x1x3", -1, 1, 1);
    op_in(&t, WT_I8, "1x3x8", (int8_t[24]){ 1, 2, 3 });
    op_in(&t, WT_I8, "1x2x8", (int8_t[16]){ 1, 2, 3 });
    for (int i = 3; i < 5; i++)
        op_omit(&t);
    op_u8(&t, "1x1x2", (uint8_t[2]){ 0 }); /* initial_h, one byte where four are expected */
    for (int i = 6; i < 8; i++)
        op_omit(&t);
    for (int i = 0; i < 2; i++) {
        op_f32(&t, "1", (float[]){ 0.1f });
        op_in(&t, WT_I8, "1", (int8_t[]){ 0 });
    }
    op_refused(&t, 1, WT_EFORMAT, "same element type");
    op_end(&t);
}

static void codes_and_back(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_QUANTIZELINEAR); /* ties to even, saturation, NaN is zero */
    op_f32(&t, "6", (float[]){ 0.25f, 0.75f, -0.25f, 1000, -1000, NAN });
    op_f32(&t, "scalar", (float[]){ 0.5f });
    op_u8(&t, "scalar", (uint8_t[]){ 10 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "6", (uint8_t[]){ 10, 12, 10, 255, 0, 10 });
    op_end(&t);
    op_begin(&t, WT_OP_DEQUANTIZELINEAR); /* 4 bits, blocks of two along axis 1 */
    op_in(&t, WT_I4, "1x4", (uint8_t[]){ 0x21, 0xf8 });
    op_f32(&t, "1x2", (float[]){ 1, 10 });
    op_int(&t, "axis", 1);
    op_int(&t, "block_size", 2);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x4", (float[]){ 1, 2, -80, -10 });
    op_end(&t);
    op_begin(&t, WT_OP_DYNAMICQUANTIZELINEAR);
    op_f32(&t, "3", (float[]){ 0, 102, 255 });
    op_run(&t, 3);
    op_expect(&t, 0, WT_U8, "3", (uint8_t[]){ 0, 102, 255 });
    op_expect_f32(&t, 1, "scalar", (float[]){ 1 });
    op_end(&t);
    op_begin(&t, WT_OP_QUANTIZELINEAR);
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_f32(&t, "scalar", (float[]){ INFINITY });
    op_refused(&t, 1, WT_EFORMAT, "finite");
    op_end(&t);
    op_begin(&t, WT_OP_DEQUANTIZELINEAR);
    op_u8(&t, "2x3", (uint8_t[6]){ 0 });
    op_f32(&t, "2", (float[]){ 1, 2 });
    op_int(&t, "axis", 1);
    op_refused(&t, 1, WT_EFORMAT, "expected 3");
    op_end(&t);
}

static void integer_products(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_MATMULINTEGER);
    op_u8(&t, "1x3", (uint8_t[]){ 11, 7, 3 });
    op_u8(&t, "3x1", (uint8_t[]){ 1, 2, 3 });
    op_u8(&t, "scalar", (uint8_t[]){ 12 });
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "1x1", (int32_t[]){ -38 });
    op_end(&t);
    op_begin(&t, WT_OP_CONVINTEGER); /* padding is the zero point */
    op_u8(&t, "1x1x2x2", (uint8_t[]){ 2, 3, 4, 5 });
    op_u8(&t, "1x1x2x2", (uint8_t[]){ 1, 1, 1, 1 });
    op_u8(&t, "scalar", (uint8_t[]){ 1 });
    op_ints(&t, "pads", (int64_t[]){ 1, 1, 0, 0 }, 4);
    op_run(&t, 1);
    op_expect(&t, 0, WT_I32, "1x1x2x2", (int32_t[]){ 1, 3, 4, 10 });
    op_end(&t);
}

static void engine_codes(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_QUANTCONV); /* (3 - 1) * 0.5 * 4 * 0.25 = 1, over 0.5, plus 7 */
    op_u8(&t, "1x1x1x1", (uint8_t[]){ 3 });
    op_in(&t, WT_I8, "1x1x1x1", (int8_t[]){ 4 });
    op_float(&t, "x_scale", 0.5f);
    op_int(&t, "x_zp", 1);
    t.attrs[t.n_attrs++] = (wt_attr){
        .name = "w_scale", .type = WT_ATTR_FLOATS, .count = 1, .v.floats = (const float[]){ 0.25f }
    };
    op_float(&t, "y_scale", 0.5f);
    op_int(&t, "y_zp", 7);
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "1x1x1x1", (uint8_t[]){ 9 });
    op_end(&t);
    op_begin(&t, WT_OP_QUANTBINARY);
    op_u8(&t, "2", (uint8_t[]){ 3, 200 });
    op_u8(&t, "1", (uint8_t[]){ 1 });
    op_text(&t, "op", "Add");
    op_float(&t, "a_scale", 1);
    op_float(&t, "b_scale", 100);
    op_float(&t, "y_scale", 1);
    op_run(&t, 1);
    op_expect(&t, 0, WT_U8, "2", (uint8_t[]){ 103, 255 });
    op_end(&t);
    op_begin(&t, WT_OP_QUANTBINARY);
    op_u8(&t, "2", (uint8_t[]){ 3, 200 });
    op_u8(&t, "1", (uint8_t[]){ 1 });
    op_text(&t, "op", "Add");
    op_float(&t, "a_scale", 0);
    op_refused(&t, 1, WT_EFORMAT, "a_scale");
    op_end(&t);
}

/* One split on feature `feature`: at most 0.5 goes to node `yes`, else to 2. */
static void add_tree(op_test *t, const int64_t *feature, const int64_t *yes)
{
    static const float values[] = { 0.5f, 0, 0 }, weights[] = { 10, 20 };
    static const wt_string modes[] = { { "BRANCH_LEQ", 10 }, { "LEAF", 4 }, { "LEAF", 4 } };
    op_ints(t, "nodes_treeids", (int64_t[]){ 0, 0, 0 }, 3);
    op_ints(t, "nodes_nodeids", (int64_t[]){ 0, 1, 2 }, 3);
    op_ints(t, "nodes_featureids", feature, 3);
    op_ints(t, "nodes_truenodeids", yes, 3);
    op_ints(t, "nodes_falsenodeids", (int64_t[]){ 2, 0, 0 }, 3);
    t->attrs[t->n_attrs++] = (wt_attr){
        .name = "nodes_modes", .type = WT_ATTR_STRINGS, .count = 3, .v.strings = modes
    };
    t->attrs[t->n_attrs++] = (wt_attr){
        .name = "nodes_values", .type = WT_ATTR_FLOATS, .count = 3, .v.floats = values
    };
    op_ints(t, "target_treeids", (int64_t[]){ 0, 0 }, 2);
    op_ints(t, "target_nodeids", (int64_t[]){ 1, 2 }, 2);
    op_ints(t, "target_ids", (int64_t[]){ 0, 0 }, 2);
    t->attrs[t->n_attrs++] = (wt_attr){
        .name = "target_weights", .type = WT_ATTR_FLOATS, .count = 2, .v.floats = weights
    };
}

static void trees(void **state)
{
    static const int64_t first[3] = { 0 }, second[3] = { 1 }, to_leaf[3] = { 1 }, to_itself[3] = { 0 },
                         nowhere[3] = { 9 };
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_TREEENSEMBLEREGRESSOR);
    op_f32(&t, "3x1", (float[]){ 0.5f, 0.6f, NAN });
    add_tree(&t, first, to_leaf);
    op_run(&t, 1);
    op_expect_f32(&t, 0, "3x1", (float[]){ 10, 20, 20 });
    op_end(&t);
    op_begin(&t, WT_OP_TREEENSEMBLEREGRESSOR);
    op_f32(&t, "1x1", (float[]){ 0 });
    add_tree(&t, first, to_itself);
    op_refused(&t, 1, WT_EFORMAT, "cycle");
    op_end(&t);
    op_begin(&t, WT_OP_TREEENSEMBLEREGRESSOR);
    op_f32(&t, "1x1", (float[]){ 0 });
    add_tree(&t, second, to_leaf);
    op_refused(&t, 1, WT_EFORMAT, "feature 1 of 1");
    op_end(&t);
    op_begin(&t, WT_OP_TREEENSEMBLEREGRESSOR);
    op_f32(&t, "1x1", (float[]){ 0 });
    add_tree(&t, first, nowhere);
    op_refused(&t, 1, WT_EFORMAT, "has no node 9");
    op_end(&t);
}

static void small_learners(void **state)
{
    op_test t;
    (void)state;
    op_begin(&t, WT_OP_SCALER);
    op_f32(&t, "1x2", (float[]){ 3, 5 });
    t.attrs[t.n_attrs++] = (wt_attr){
        .name = "offset", .type = WT_ATTR_FLOATS, .count = 2, .v.floats = (const float[]){ 1, 2 }
    };
    t.attrs[t.n_attrs++] = (wt_attr){
        .name = "scale", .type = WT_ATTR_FLOATS, .count = 1, .v.floats = (const float[]){ 0.5f }
    };
    op_run(&t, 1);
    op_expect_f32(&t, 0, "1x2", (float[]){ 1, 1.5f });
    op_end(&t);
    op_begin(&t, WT_OP_LABELENCODER); /* of equal keys the first counts */
    op_i64(&t, "3", (int64_t[]){ 7, 8, 9 });
    op_ints(&t, "keys_int64s", (int64_t[]){ 8, 7, 8 }, 3);
    op_ints(&t, "values_int64s", (int64_t[]){ 80, 70, 81 }, 3);
    op_run(&t, 1);
    op_expect_i64(&t, 0, "3", (int64_t[]){ 70, 80, -1 });
    op_end(&t);
    op_begin(&t, WT_OP_ARRAYFEATUREEXTRACTOR);
    op_f32(&t, "1x2", (float[]){ 3, 5 });
    op_i64(&t, "1", (int64_t[]){ 2 });
    op_refused(&t, 1, WT_EFORMAT, "index 0");
    op_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(recurrence_by_hand),
                                        cmocka_unit_test(recurrence_refuses),
                                        cmocka_unit_test(quantized_state_of_another_type),
                                        cmocka_unit_test(codes_and_back),
                                        cmocka_unit_test(integer_products),
                                        cmocka_unit_test(engine_codes),
                                        cmocka_unit_test(trees),
                                        cmocka_unit_test(small_learners) };
    return wt_test_run("recurrent, quantized, learned operators", tests, WT_ARRAY_LEN(tests));
}
