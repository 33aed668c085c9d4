/* test_infer.c - shapes through plain nodes, what the file declares, data known from shapes, fixed inputs. */
#include <stdio.h>
#include <stdlib.h>
#include "build.h"

static void infer(builder *b) { wt_test_ok(wt_graph_infer(b->root, &b->err), &b->err); }

static void shapes_and_symbols_go_through(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "Nx3x32xW"), *w = build_const(b, b->root, "w", "8x3x3x3");
    wt_value *y = build_op(b, b->root, "Conv", "y", x, w, END), *z = build_op(b, b->root, "Relu", "z", y, END);
    (void)state;
    build_output(b, b->root, z);
    infer(b);
    assert_type(y, "float32[Nx8x30x?]");
    assert_type(z, "float32[Nx8x30x?]");
    infer(b); /* again: the same */
    assert_type(z, "float32[Nx8x30x?]");
    build_close(b);
}

static void declarations_fill_what_is_open(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "Nx3x32xW"), *w = build_const(b, b->root, "w", "8x3x3x3");
    wt_value *y = build_op(b, b->root, "Conv", "y", x, w, END), *odd = build_op(b, b->root, "Odd", "odd", y, END);
    (void)state;
    y->type.shape = build_shape(b, "Mx8x?xQ");
    odd->type.dtype = WT_I32; /* an operator nobody knows: what is declared stays */
    odd->type.shape = build_shape(b, "5x?");
    infer(b);
    assert_type(y, "float32[Nx8x30xQ]"); /* the rule's N, the file's Q */
    assert_type(odd, "int32[5x?]");
    build_close(b);
}

typedef struct log_text {
    char last[512];
    int warnings;
} log_text;

static void keep_log(void *user, wt_log_level level, const char *line)
{
    log_text *log = user;
    if (level == WT_LOG_WARN) {
        log->warnings++;
        snprintf(log->last, sizeof log->last, "%s", line);
    }
}

/* Files with stale value_info run everywhere: the rule wins, the log says so once. */
static void stale_declarations_lose(void **state)
{
    log_text log = { .warnings = 0 };
    wt_context_options o = wt_context_defaults();
    builder *b = calloc(1, sizeof *b);
    (void)state;
    assert_non_null(b);
    o.log = keep_log;
    o.user = &log;
    wt_test_ok(wt_context_open(&b->ctx, &o, &b->err), &b->err);
    wt_test_ok(wt_graph_new(&b->root, b->ctx, &b->err), &b->err);
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4"), *y = build_op(b, b->root, "Relu", "y", x, END);
    wt_value *z = build_op(b, b->root, "Tanh", "z", y, END);
    y->type.shape = build_shape(b, "2x5");
    z->type.shape = build_shape(b, "8");
    build_output(b, b->root, z);
    infer(b);
    assert_type(y, "float32[2x4]");
    assert_type(z, "float32[2x4]"); /* another rank, and an output */
    assert_int_equal(log.warnings, 1);
    assert_non_null(strstr(log.last, "2 values have"));
    assert_non_null(strstr(log.last, "'y': 2x4, declared 2x5"));
    build_close(b);
}

static void another_dtype_is_an_error(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4");
    wt_node *n = build_node(b, b->root, "Relu", "y", x, END);
    (void)state;
    n->out[0]->type.dtype = WT_I64;
    n->source = n->out[0]->source = 99;
    for (int round = 0; round < 2; round++) { /* and stays one */
        wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, "declared int64, but float32");
        assert_string_equal(b->err.where, "Relu node 'y'");
        assert_int_equal(b->err.offset, 99);
    }
    n->out[0]->type.dtype = WT_F32;
    infer(b);
    /* Once inferred, a pass may change types: they follow. */
    x->type.dtype = WT_F16;
    infer(b);
    assert_type(n->out[0], "float16[2x4]");
    build_close(b);
}

static void impossible_inputs_name_the_node(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4"), *w = build_const(b, b->root, "w", "5x4");
    (void)state;
    build_op(b, b->root, "MatMul", "y", x, w, END);
    wt_test_refused(wt_graph_infer(b->root, &b->err), WT_EFORMAT, &b->err, NULL);
    assert_string_equal(b->err.where, "MatMul node 'y'");
    build_close(b);
}

/* Shape -> Gather -> Concat -> Reshape: the way exporters write "keep the batch, flatten the rest". */
static void data_is_known_through_shapes(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x3x4"), *first = INTS(b, b->root, "first", 0),
             *rest = INTS(b, b->root, "rest", -1);
    wt_value *shape = build_op(b, b->root, "Shape", "shape", x, END);
    wt_value *batch = build_op(b, b->root, "Gather", "batch", shape, first, END);
    wt_value *target = build_op(b, b->root, "Concat", "target", batch, rest, END);
    wt_test_ok(wt_node_set_attr_int(target->producer, "axis", 0, &b->err), &b->err);
    wt_value *y = build_op(b, b->root, "Reshape", "y", x, target, END);
    int64_t v;
    (void)state;
    build_output(b, b->root, y);
    infer(b);
    assert_type(y, "float32[2x12]");
    assert_true(target->known && wt_tensor_int(target->known, 0, &v) && v == 2);
    assert_true(target->known && wt_tensor_int(target->known, 1, &v) && v == -1);
    assert_false(wt_value_is_const(target)); /* known, but nobody's constant */
    assert_int_equal(b->root->n_constants, 2);
    build_verify(b, b->root);
    const wt_tensor *before = target->known;
    infer(b);
    assert_ptr_equal(target->known, before); /* the same data is not kept twice */
    x->type.shape.dim[0] = WT_DIM_ANY;       /* what was known is forgotten with what it came from */
    infer(b);
    assert_null(target->known);
    assert_type(y, "float32[?x?]");
    build_close(b);
}

/* How torch writes pads: pairs from the last axis on, turned around and laid out as ONNX wants them. */
static void tables_of_pads_are_known(void **state)
{
    static const int64_t two[] = { 1, 0 };
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x3x4"), *list = INTS(b, b->root, "list", 2, 3, 1, 0, 0, 0);
    wt_value *table = build_op(b, b->root, "Reshape", "table", list, INTS(b, b->root, "pairs", -1, 2), END);
    wt_value *turned = build_op(b, b->root, "Slice", "turned", table, INTS(b, b->root, "from", -1),
                                INTS(b, b->root, "to", INT64_MIN), INTS(b, b->root, "axis", 0),
                                INTS(b, b->root, "step", -1), END);
    wt_value *across = build_op(b, b->root, "Transpose", "across", turned, END);
    (void)state;
    build_attr_ints(b, across->producer, "perm", 2, two);
    wt_value *flat = build_op(b, b->root, "Reshape", "flat", across, INTS(b, b->root, "all", -1), END);
    wt_value *y = build_op(b, b->root, "Pad", "y", x, flat, END);
    build_output(b, b->root, y);
    infer(b);
    assert_type(turned, "int64[3x2]");
    assert_type(across, "int64[2x3]");
    /* list is (2,3)(1,0)(0,0); turned (0,0)(1,0)(2,3); before 0 1 2, after 0 0 3 */
    assert_type(y, "float32[2x4x9]");
    build_close(b);
}

static void conditions_are_known(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x3x4"), *size = build_op(b, b->root, "Size", "size", x, END);
    wt_value *equal = build_op(b, b->root, "Equal", "equal", size, INTS(b, b->root, "n", 23), END);
    wt_value *differs = build_op(b, b->root, "Not", "differs", equal, END);
    int64_t v;
    (void)state;
    build_output(b, b->root, differs);
    infer(b);
    assert_true(equal->known && wt_tensor_int(equal->known, 0, &v) && v == 0);
    assert_true(differs->known && wt_tensor_int(differs->known, 0, &v) && v == 1);
    build_close(b);
}

static void an_inputs_default_is_no_constant(void **state)
{
    builder *b = build_open();
    const int64_t two[] = { 2, 6 };
    const wt_tensor t = { .dtype = WT_I64, .shape = { .rank = 1, .dim = { 2 } }, .data = two, .bytes = sizeof two };
    wt_value *x = build_input(b, b->root, "x", WT_F32, "3x4"), *s = build_input(b, b->root, "s", WT_I64, "2");
    wt_value *y = build_op(b, b->root, "Reshape", "y", x, s, END);
    (void)state;
    wt_test_ok(wt_graph_set_constant(s, &t, &b->err), &b->err);
    build_output(b, b->root, y);
    assert_false(wt_value_is_const(s));
    infer(b);
    assert_type(y, "float32[?x?]"); /* the caller may give another shape */
    assert_int_equal(wt_graph_sweep(b->root), 0);
    assert_int_equal(b->root->n_constants, 1);
    build_verify(b, b->root);
    build_close(b);
}

static void quantized_constants_are_floats_to_rules(void **state)
{
    static const float scale[] = { 0.5f };
    static const int32_t zero[] = { 0 };
    static const wt_quant q = { .dtype = WT_I8, .axis = -1, .count = 1, .scale = scale, .zero_point = zero };
    const int8_t codes[12] = { 1 };
    const wt_tensor t = { .dtype = WT_I8, .shape = { .rank = 2, .dim = { 4, 3 } }, .data = codes, .bytes = 12 };
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "2x4"), *w;
    (void)state;
    wt_test_ok(wt_graph_add_constant(&w, b->root, "w", &t, &b->err), &b->err);
    w->quant = &q;
    wt_value *y = build_op(b, b->root, "MatMul", "y", x, w, END);
    infer(b);
    assert_type(y, "float32[2x3]");
    build_close(b);
}

static void fixed_inputs_fix_their_symbols(void **state)
{
    builder *b = build_open();
    wt_value *x = build_input(b, b->root, "x", WT_F32, "NxC"), *y = build_input(b, b->root, "y", WT_F32, "?xC");
    wt_value *z = build_op(b, b->root, "Odd", "z", x, y, END);
    wt_value *r = build_op(b, b->root, "Relu", "r", z, END);
    (void)state;
    z->type.shape = build_shape(b, "NxNxC");
    z->type.dtype = WT_F32;
    build_output(b, b->root, r);
    infer(b);
    assert_type(r, "float32[NxNxC]");
    wt_graph *clone;
    wt_test_ok(wt_graph_clone(&clone, b->root, &b->err), &b->err);
    wt_shape s = build_shape(b, "2x?");
    wt_test_ok(wt_graph_fix_input(clone, "x", &s, &b->err), &b->err);
    wt_test_ok(wt_graph_infer(clone, &b->err), &b->err);
    assert_type(wt_graph_find(clone, "r"), "float32[2x2xC]");
    assert_type(wt_graph_find(clone, "x"), "float32[2xC]");
    s = build_shape(b, "7x5");
    wt_test_ok(wt_graph_fix_input(clone, "y", &s, &b->err), &b->err);
    wt_test_ok(wt_graph_infer(clone, &b->err), &b->err);
    assert_type(wt_graph_find(clone, "r"), "float32[2x2x5]");
    assert_type(wt_graph_find(clone, "x"), "float32[2x5]");
    s = build_shape(b, "3x5");
    wt_test_refused(wt_graph_fix_input(clone, "x", &s, &b->err), WT_EUSAGE, &b->err,
                    "'x' is 2x5 in the model; 3x5 does not fit");
    s = build_shape(b, "2");
    wt_test_refused(wt_graph_fix_input(clone, "x", &s, &b->err), WT_EUSAGE, &b->err, "does not fit");
    wt_test_refused(wt_graph_fix_input(clone, "q", &s, &b->err), WT_EUSAGE, &b->err, "no input 'q'");
    assert_string_equal(b->err.hint, "its inputs are x, y");
    wt_test_refused(wt_graph_fix_input(clone, NULL, &s, &b->err), WT_EUSAGE, &b->err, "needs a name");
    wt_graph_close(clone);
    infer(b);
    assert_type(r, "float32[NxNxC]"); /* the source does not know of it */
    build_close(b);
}

static void one_symbol_has_one_value(void **state)
{
    builder *b = build_open();
    wt_shape s;
    (void)state;
    build_output(b, b->root, build_op(b, b->root, "Relu", "y", build_input(b, b->root, "x", WT_F32, "NxN"), END));
    s = build_shape(b, "2x3");
    wt_test_refused(wt_graph_fix_input(b->root, "", &s, &b->err), WT_EUSAGE, &b->err, "does not fit");
    s = build_shape(b, "?x3");
    wt_test_ok(wt_graph_fix_input(b->root, "", &s, &b->err), &b->err);
    assert_type(b->root->inputs[0], "float32[3x3]");
    build_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_pads_are_known),         cmocka_unit_test(conditions_are_known),
        cmocka_unit_test(shapes_and_symbols_go_through),    cmocka_unit_test(declarations_fill_what_is_open),
        cmocka_unit_test(stale_declarations_lose),          cmocka_unit_test(another_dtype_is_an_error),
        cmocka_unit_test(impossible_inputs_name_the_node),  cmocka_unit_test(data_is_known_through_shapes),
        cmocka_unit_test(an_inputs_default_is_no_constant), cmocka_unit_test(quantized_constants_are_floats_to_rules),
        cmocka_unit_test(fixed_inputs_fix_their_symbols),   cmocka_unit_test(one_symbol_has_one_value),
    };
    return wt_test_run("infer", tests, WT_ARRAY_LEN(tests));
}
