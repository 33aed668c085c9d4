/* Files that must be refused: one for each refusal, then every truncation, flipped bits and failing allocations. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "model/formats/onnx/onnx.h"
#include "onnx_make.h"

/* In an exact block of the heap, so that a sanitizer sees one byte read too many. */
static wt_status read_exact(wt_context *ctx, const void *bytes, size_t len, wt_graph **g, void **copy, wt_err *err)
{
    *copy = malloc(len ? len : 1);
    assert_non_null(*copy);
    if (len)
        memcpy(*copy, bytes, len);
    return wt_onnx_read_bytes(g, ctx, *copy, len, NULL, err);
}

static const int64_t two_three[] = { 2, 3 }, two = 2, three = 3;
static const float numbers[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static mk *with_node(mk *node)
{
    mk *g = mk_graph();
    mk_msg(g, 1, node);
    return mk_model(8, 13, g);
}
static mk *with_tensor(mk *tensor)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Relu", "x", "y"));
    mk_msg(g, 5, tensor);
    return mk_model(8, 13, g);
}
static mk *with_attr(mk *attr)
{
    mk *node = mk_node(NULL, "Relu", "x", "y");
    mk_msg(node, 5, attr);
    return with_node(node);
}

static mk *no_opset(void)
{
    mk *m = mk_new();
    mk_int(m, 1, 8);
    mk_msg(m, 7, mk_graph());
    return m;
}
static mk *no_graph(void) { return mk_model(8, 13, NULL); }
static mk *old_opset(void) { return mk_model(3, 6, mk_graph()); }
static mk *new_opset(void) { return mk_model(14, 99, mk_graph()); }
static mk *no_version(void)
{
    mk *m = mk_new();
    mk_msg(m, 7, mk_graph());
    return m;
}
static mk *undefined_input(void) { return with_node(mk_node(NULL, "Add", "x,nowhere", "y")); }
static mk *undefined_output(void) { return mk_model(8, 13, mk_graph()); }
static mk *no_op_type(void) { return with_node(mk_node(NULL, NULL, "x", "y")); }
static mk *two_makers(void)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Relu", "x", "y"));
    mk_msg(g, 1, mk_node(NULL, "Neg", "x", "y"));
    return mk_model(8, 13, g);
}
static mk *makes_an_input(void) { return with_node(mk_node(NULL, "Relu", "x", "x")); }
static mk *cycle(void)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Add", "x,b", "a"));
    mk_msg(g, 1, mk_node(NULL, "Relu", "a", "b"));
    mk_msg(g, 1, mk_node(NULL, "Neg", "b", "y"));
    return mk_model(8, 13, g);
}
static mk *self_cycle(void) { return with_node(mk_node(NULL, "Add", "x,y", "y")); }
static mk *output_twice(void)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Relu", "x", "y"));
    mk_msg(g, 12, mk_info("y", 1, -1, NULL));
    return mk_model(8, 13, g);
}
static mk *tensor_twice(void)
{
    mk *g = mk_graph();
    for (int i = 0; i < 2; i++)
        mk_msg(g, 5, mk_tensor("w", 1, 1, &three, numbers, 12));
    return mk_model(8, 13, g);
}
static mk *unnamed_tensor(void) { return with_tensor(mk_tensor(NULL, 1, 1, &three, numbers, 12)); }
static mk *short_raw(void) { return with_tensor(mk_tensor("w", 1, 2, two_three, numbers, 20)); }
static mk *long_raw(void) { return with_tensor(mk_tensor("w", 1, 1, &three, numbers, 16)); }
static mk *no_data(void) { return with_tensor(mk_tensor("w", 1, 1, &three, NULL, 0)); }
static mk *huge_dims(void)
{
    static const int64_t dims[] = { INT64_MAX, INT64_MAX, 4 };
    return with_tensor(mk_tensor("w", 1, 3, dims, numbers, 12));
}
static mk *huge_bytes(void)
{
    static const int64_t dim = INT64_MAX;
    return with_tensor(mk_tensor("w", 1, 1, &dim, numbers, 12));
}
static mk *negative_dim(void)
{
    static const int64_t dim = -3;
    return with_tensor(mk_tensor("w", 1, 1, &dim, numbers, 12));
}
static mk *rank_nine(void)
{
    static const int64_t dims[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    return with_tensor(mk_tensor("w", 1, 9, dims, numbers, 4));
}
static mk *no_type(void) { return with_tensor(mk_tensor("w", 0, 1, &three, numbers, 12)); }
static mk *unknown_type(void) { return with_tensor(mk_tensor("w", 99, 1, &three, numbers, 12)); }
static mk *two_forms(void)
{
    mk *t = mk_tensor("w", 1, 1, &three, numbers, 12);
    mk_data(t, 4, numbers, 12);
    return with_tensor(t);
}
static mk *typed_too_few(void)
{
    mk *t = mk_tensor("w", 7, 1, &three, NULL, 0);
    mk_int(t, 7, 1);
    return with_tensor(t);
}
static mk *typed_too_large(void)
{
    mk *t = mk_tensor("w", 2, 1, &two, NULL, 0);
    mk_int(t, 5, 255);
    mk_int(t, 5, 256);
    return with_tensor(t);
}
static mk *segment(void)
{
    mk *t = mk_tensor("w", 1, 1, &three, numbers, 12);
    mk_text(t, 3, "");
    return with_tensor(t);
}
static mk *external_here(void)
{
    mk *t = mk_tensor("w", 1, 1, &three, NULL, 0), *e = mk_new();
    mk_text(e, 1, "location");
    mk_text(e, 2, "w.bin");
    mk_msg(t, 13, e);
    mk_int(t, 14, 1);
    return with_tensor(t);
}
static mk *odd_location(void)
{
    mk *t = mk_tensor("w", 1, 1, &three, NULL, 0);
    mk_int(t, 14, 2);
    return with_tensor(t);
}
static mk *bad_text(void)
{
    mk *node = mk_node(NULL, "Relu", "x", "y");
    mk_data(node, 3, "\xff\xfe", 2);
    return with_node(node);
}
static mk *text_with_nul(void)
{
    mk *node = mk_node(NULL, "Relu", "x", "y");
    mk_data(node, 3, "a\0b", 3);
    return with_node(node);
}
static mk *name_as_number(void)
{
    mk *node = mk_node(NULL, "Relu", "x", "y");
    mk_int(node, 3, 7);
    return with_node(node);
}
static mk *attr_twice(void)
{
    mk *node = mk_node(NULL, "LeakyRelu", "x", "y");
    for (int i = 0; i < 2; i++)
        mk_msg(node, 5, mk_attr_int("alpha", 1));
    return with_node(node);
}
static mk *attr_unnamed(void)
{
    mk *a = mk_new();
    mk_int(a, 3, 1);
    return with_attr(a);
}
static mk *attr_without_value(void)
{
    mk *a = mk_new();
    mk_text(a, 1, "t");
    mk_int(a, 20, 4);
    return with_attr(a);
}
static mk *attr_of_type(void)
{
    mk *a = mk_new();
    mk_text(a, 1, "t");
    mk_msg(a, 14, mk_new());
    mk_int(a, 20, 13);
    return with_attr(a);
}
static mk *attr_ref_outside(void)
{
    mk *a = mk_new();
    mk_text(a, 1, "alpha");
    mk_text(a, 21, "slope");
    return with_attr(a);
}
static mk *constant_without_value(void) { return with_node(mk_node(NULL, "Constant", NULL, "y")); }
static mk *constant_of_int(void)
{
    mk *node = mk_node(NULL, "Constant", "x", "y");
    mk_msg(node, 5, mk_attr_int("value_int", 1));
    return with_node(node);
}
static mk *slice_without_starts(void)
{
    mk *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Slice", "x", "y"));
    return mk_model(8, 9, g);
}
static mk *deep_type(void)
{
    mk *info = mk_new(), *type = mk_new(), *tensor = mk_new(), *g = mk_graph();
    mk_int(tensor, 1, 1);
    mk_msg(type, 1, tensor);
    for (int i = 0; i < 40; i++) {
        mk *sequence = mk_new(), *outer = mk_new();
        mk_msg(sequence, 1, type);
        mk_msg(outer, 4, sequence);
        type = outer;
    }
    mk_text(info, 1, "deep");
    mk_msg(info, 2, type);
    mk_msg(g, 11, info);
    return mk_model(8, 13, g);
}
static mk *deep_graphs(void)
{
    mk *inner = mk_new();
    for (int i = 0; i < 80; i++) {
        mk *g = mk_new(), *node = mk_node(NULL, "If", "x", "y");
        mk_msg(node, 5, mk_attr_msg("then_branch", 5, 6, inner));
        mk_msg(g, 1, node);
        mk_msg(g, 12, mk_info("y", 1, -1, NULL));
        inner = g;
    }
    mk_msg(inner, 11, mk_info("x", 9, 0, NULL));
    return mk_model(8, 13, inner);
}
static mk *sparse(const int64_t *at, size_t n, int64_t dim)
{
    mk *g = mk_graph(), *s = mk_new();
    mk_msg(s, 1, mk_tensor("w", 1, 1, &three, numbers, 12));
    const int64_t count = (int64_t)n;
    mk_msg(s, 2, mk_tensor(NULL, 7, 1, &count, at, 8 * n));
    mk_int(s, 3, dim);
    mk_msg(g, 15, s);
    return mk_model(8, 13, g);
}
static mk *sparse_outside(void) { return sparse((const int64_t[]){ 1, 2, 10 }, 3, 10); }
static mk *sparse_unsorted(void) { return sparse((const int64_t[]){ 1, 5, 2 }, 3, 10); }
static mk *sparse_too_few(void) { return sparse((const int64_t[]){ 1, 5 }, 2, 10); }
static mk *sparse_huge(void) { return sparse((const int64_t[]){ 1, 5, 6 }, 3, INT64_C(1) << 40); }
static mk *sparse_without_values(void)
{
    mk *g = mk_graph(), *s = mk_new();
    mk_int(s, 3, 4);
    mk_msg(g, 15, s);
    return mk_model(8, 13, g);
}
static mk *no_import(void)
{
    mk *m = mk_new(), *import = mk_new(), *g = mk_graph();
    mk_msg(g, 1, mk_node(NULL, "Relu", "x", "y"));
    mk_int(m, 1, 8);
    mk_msg(m, 7, g);
    mk_text(import, 1, "ai.onnx.ml");
    mk_int(import, 2, 1);
    mk_msg(m, 8, import);
    return m;
}

static void refuses_each_bad_file(void **state)
{
    static const struct {
        mk *(*make)(void);
        wt_status status;
        const char *message, *where;
    } bad[] = {
        { no_opset, WT_EFORMAT, "no opset", "" },
        { no_graph, WT_EFORMAT, "the graph is missing", "" },
        { no_version, WT_EFORMAT, "ir_version is missing", "" },
        { old_opset, WT_EUNSUPPORTED, "opset 6; opsets 7 to 28", "" },
        { new_opset, WT_EUNSUPPORTED, "opset 99; opsets 7 to 28", "" },
        { no_import, WT_EFORMAT, "imports no opset", "Relu" },
        { undefined_input, WT_EFORMAT, "\"nowhere\", which nothing defines", "Add" },
        { undefined_output, WT_EFORMAT, "output \"y\" is defined nowhere", "" },
        { no_op_type, WT_EFORMAT, "without op_type", "" },
        { two_makers, WT_EFORMAT, "two values are named \"y\"", "" },
        { makes_an_input, WT_EFORMAT, "two values are named \"x\"", "" },
        { cycle, WT_EFORMAT, "cycle", "" },
        { self_cycle, WT_EFORMAT, "cycle", "" },
        { output_twice, WT_EFORMAT, "twice", "" },
        { tensor_twice, WT_EFORMAT, "two values are named \"w\"", "" },
        { unnamed_tensor, WT_EFORMAT, "without a name", "" },
        { short_raw, WT_EFORMAT, "raw_data has 20 bytes, 6 elements of float32 need 24", "tensor \"w\"" },
        { long_raw, WT_EFORMAT, "raw_data has 16 bytes", "tensor \"w\"" },
        { no_data, WT_EFORMAT, "float_data has 0 numbers, 3 elements", "tensor \"w\"" },
        { huge_dims, WT_EFORMAT, "multiply to more than memory", "tensor \"w\"" },
        { huge_bytes, WT_EFORMAT, "multiply to more than memory", "tensor \"w\"" },
        { negative_dim, WT_EFORMAT, "negative dimension", "" },
        { rank_nine, WT_EUNSUPPORTED, "more than 8 dimensions", "" },
        { no_type, WT_EFORMAT, "element type 0", "tensor \"w\"" },
        { unknown_type, WT_EUNSUPPORTED, "element type 99", "tensor \"w\"" },
        { two_forms, WT_EFORMAT, "more than one form", "tensor \"w\"" },
        { typed_too_few, WT_EFORMAT, "int64_data has 1 numbers", "tensor \"w\"" },
        { typed_too_large, WT_EFORMAT, "no uint8", "tensor \"w\"" },
        { segment, WT_EUNSUPPORTED, "segments", "tensor \"w\"" },
        { external_here, WT_EUNSUPPORTED, "may not refer to other files", "tensor \"w\"" },
        { odd_location, WT_EFORMAT, "data_location 2", "" },
        { bad_text, WT_EFORMAT, "no UTF-8", "" },
        { text_with_nul, WT_EFORMAT, "no UTF-8", "" },
        { name_as_number, WT_EFORMAT, "NodeProto.name has wire type 0", "" },
        { attr_twice, WT_EFORMAT, "\"alpha\" occurs twice", "LeakyRelu" },
        { attr_unnamed, WT_EFORMAT, "attribute without a name", "Relu" },
        { attr_without_value, WT_EFORMAT, "has no value", "Relu" },
        { attr_of_type, WT_EUNSUPPORTED, "is a type", "Relu" },
        { attr_ref_outside, WT_EFORMAT, "outside of one", "Relu" },
        { constant_without_value, WT_EFORMAT, "without a value", "Constant" },
        { constant_of_int, WT_EFORMAT, "1 inputs", "Constant" },
        { slice_without_starts, WT_EFORMAT, "required", "Slice" },
        { deep_type, WT_EFORMAT, "nested deeper than 16", "" },
        { deep_graphs, WT_EFORMAT, "nested more than 64", "" },
        { sparse_outside, WT_EFORMAT, "outside of the shape", "" },
        { sparse_unsorted, WT_EFORMAT, "not larger", "" },
        { sparse_too_few, WT_EFORMAT, "indices int64 [n]", "" },
        { sparse_huge, WT_ELIMIT, "larger than 1024 MiB", "" },
        { sparse_without_values, WT_EFORMAT, "without values", "" },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_err err = { 0 };
        wt_graph *g = (void *)&g;
        void *copy = NULL;
        const mk *m = bad[i].make();
        wt_test_refused(read_exact(ctx, m->data, m->len, &g, &copy, &err), bad[i].status, &err, bad[i].message);
        assert_null(g);
        if (!strstr(err.where, bad[i].where))
            fail_msg("\"%s\" is at \"%s\", expected \"%s\"", err.message, err.where, bad[i].where);
        free(copy);
        mk_free_all();
    }
    wt_test_context_close(ctx);
    (void)state;
}

/* --- external data
 * ---------------------------------------------------------------------------------------------------------- */
static mk *external(const char *location, const char *offset, const char *length)
{
    mk *t = mk_tensor("w", 1, 1, &three, NULL, 0);
    const char *const keys[] = { "location", "offset", "length", "checksum" }, *const values[] = { location, offset,
                                                                                                   length, "00" };
    for (int i = 0; i < 4; i++) {
        mk *e = mk_new();
        if (!values[i])
            continue;
        mk_text(e, 1, keys[i]);
        mk_text(e, 2, values[i]);
        mk_msg(t, 13, e);
    }
    mk_int(t, 14, 1);
    return with_tensor(t);
}

static void external_data_stays_in_its_folder(void **state)
{
    static const struct {
        const char *location, *offset, *length;
        wt_status status;
    } cases[] = {
        { "w.bin", NULL, NULL, WT_OK },
        { "w.bin", "4", NULL, WT_OK },
        { "w.bin", "4", "12", WT_OK },
        { "sub/w.bin", NULL, "12", WT_OK },
        { "w.bin", "8", NULL, WT_EFORMAT },
        { "w.bin", NULL, "16", WT_EFORMAT },
        { "w.bin", "-4", NULL, WT_EFORMAT },
        { "w.bin", "0x4", NULL, WT_EFORMAT },
        { "w.bin", "18446744073709551615", NULL, WT_EFORMAT },
        { "w.bin", "99999999999999999999999", NULL, WT_EFORMAT },
        { NULL, NULL, NULL, WT_EFORMAT },
        { "", NULL, NULL, WT_EFORMAT },
        { "../w.bin", NULL, NULL, WT_EFORMAT },
        { "sub/../../w.bin", NULL, NULL, WT_EFORMAT },
        { "link.bin", NULL, NULL, WT_EFORMAT },
        { "linked/w.bin", NULL, NULL, WT_EFORMAT },
        { "/etc/hostname", NULL, NULL, WT_EFORMAT },
        { "sub", NULL, NULL, WT_EFORMAT },
        { "none.bin", NULL, NULL, WT_EIO },
    };
    wt_context *ctx = wt_test_context();
    const char *tmp = wt_test_tmpdir(), *dir = wt_test_path(tmp, "model");
    wt_err err = { 0 };
    wt_test_ok(wt_make_dirs(ctx, wt_test_path(dir, "sub"), &err), &err);
    wt_test_write(wt_test_path(tmp, "w.bin"), numbers, 16);
    wt_test_write(wt_test_path(dir, "w.bin"), numbers, 16);
    wt_test_write(wt_test_path(dir, "sub/w.bin"), numbers, 16);
    assert_int_equal(symlink("../w.bin", wt_test_path(dir, "link.bin")), 0);
    assert_int_equal(symlink("..", wt_test_path(dir, "linked")), 0);
    for (size_t i = 0; i < WT_ARRAY_LEN(cases); i++) {
        wt_graph *g = NULL;
        const mk *m = external(cases[i].location, cases[i].offset, cases[i].length);
        const char *path = wt_test_path(dir, "model.onnx");
        wt_test_write(path, m->data, m->len);
        const wt_status st = wt_onnx_read(&g, ctx, path, &err);
        if ((cases[i].status == WT_OK) != (st == WT_OK))
            fail_msg("location %s: %s", cases[i].location ? cases[i].location : "(none)",
                     st == WT_OK ? "accepted" : err.message);
        if (st == WT_OK) {
            const wt_value *w = wt_graph_find(g, "w");
            assert_memory_equal(w->type.data, numbers + (cases[i].offset ? 1 : 0), 12);
        } else {
            assert_non_null(strstr(err.where, "model.onnx"));
        }
        wt_graph_close(g);
        mk_free_all();
    }
    wt_test_context_close(ctx);
    (void)state;
}

/* --- damage
 * ----------------------------------------------------------------------------------------------------------------------
 */
static void refuses_every_truncation(void **state)
{
    wt_context *ctx = wt_test_context();
    const mk *m = mk_everything();
    for (size_t len = 0; len <= m->len; len++) {
        wt_graph *g = NULL;
        void *copy = NULL;
        wt_err err = { 0 };
        const wt_status st = read_exact(ctx, m->data, len, &g, &copy, &err);
        /* The imports come last: without one of them an operator's domain has no version, which is no error. */
        if (st != WT_OK && st != WT_EFORMAT && st != WT_EUNSUPPORTED)
            fail_msg("cut to %zu: %s", len, err.message);
        if (st == WT_OK && len < m->len * 8 / 10)
            fail_msg("cut to %zu of %zu: accepted", len, m->len);
        wt_graph_close(g);
        free(copy);
    }
    wt_test_context_close(ctx);
    (void)state;
}

/* Every bit once, then many at random: read or refused, and what is read can be inferred, verified and written. */
static void survives_flipped_bits(void **state)
{
    wt_context *ctx = wt_test_context();
    const mk *m = mk_everything();
    uint8_t *bytes = malloc(m->len);
    uint64_t random = 7;
    assert_non_null(bytes);
    const size_t single = 8 * m->len, total = single + (wt_test_long() ? 100000 : 2000);
    for (size_t i = 0; i < total; i++) {
        wt_graph *g = NULL;
        void *copy = NULL;
        wt_buf out;
        wt_buf_init(&out, ctx);
        memcpy(bytes, m->data, m->len);
        if (i < single)
            bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
        for (int k = 0; i >= single && k < 4; k++) {
            const uint64_t r = wt_random(&random);
            bytes[r % m->len] ^= (uint8_t)(1u << (r >> 61));
        }
        wt_err err = { 0 };
        if (read_exact(ctx, bytes, m->len, &g, &copy, &err) == WT_OK) {
            wt_test_ok(wt_graph_verify(g, WT_EINTERNAL, &err), &err);
            (void)wt_graph_infer(g, &err);
            (void)wt_onnx_write_bytes(g, &out, &err);
        }
        wt_buf_free(&out);
        wt_graph_close(g);
        free(copy);
    }
    free(bytes);
    wt_test_context_close(ctx);
    (void)state;
}

static wt_status read_write(wt_context *ctx, void *arg, wt_err *err)
{
    const mk *m = arg;
    wt_graph *g = NULL;
    wt_buf out;
    wt_buf_init(&out, ctx);
    wt_status st = wt_onnx_read_bytes(&g, ctx, m->data, m->len, NULL, err);
    if (st == WT_OK)
        st = wt_onnx_write_bytes(g, &out, err);
    wt_buf_free(&out);
    wt_graph_close(g);
    return st;
}

static void survives_each_failing_allocation(void **state)
{
    assert_true(wt_test_fail_each_alloc(read_write, mk_everything()) > 10);
    (void)state;
}

static int clean(void **state)
{
    (void)state;
    mk_free_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(refuses_each_bad_file, clean),
        cmocka_unit_test_teardown(external_data_stays_in_its_folder, clean),
        cmocka_unit_test_teardown(refuses_every_truncation, clean),
        cmocka_unit_test_teardown(survives_flipped_bits, clean),
        cmocka_unit_test_teardown(survives_each_failing_allocation, clean),
    };
    return wt_test_run("onnx_refuse", tests, WT_ARRAY_LEN(tests));
}
