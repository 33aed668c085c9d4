/* Writing: the same bytes each time, whole files or none, and what was written reads as what was meant. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/hash.h"
#include "model/formats/onnx/onnx.h"
#include "model/formats/onnx/tensor_pb.h"
#include "model/qdq.h"
#include "onnx_make.h"

static wt_graph *read_bytes(wt_context *ctx, const void *bytes, size_t len)
{
    wt_err err = { 0 };
    wt_graph *g = NULL;
    wt_test_ok(wt_onnx_read_bytes(&g, ctx, bytes, len, NULL, &err), &err);
    return g;
}

static wt_graph *everything(wt_context *ctx)
{
    const mk *m = mk_everything();
    return read_bytes(ctx, m->data, m->len);
}

static void writes_the_same_again(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_graph *g = everything(ctx), *again;
    wt_buf first, second;
    wt_buf_init(&first, ctx);
    wt_buf_init(&second, ctx);
    wt_test_ok(wt_onnx_write_bytes(g, &first, &err), &err);
    again = read_bytes(ctx, first.data, first.len);
    wt_test_ok(wt_onnx_write_bytes(again, &second, &err), &err);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    assert_int_equal(again->ir_version, 10);
    assert_int_equal(wt_graph_opset(again, ""), 21);
    assert_int_equal(wt_graph_opset(again, "custom"), 3);
    assert_int_equal(wt_graph_opset(again, "local"), 0); /* its functions are gone */
    assert_string_equal(wt_graph_metadata(again, "labels"), "a,b");
    assert_string_equal(again->producer, "whet");
    wt_graph_close(again);
    wt_buf_free(&first);
    wt_buf_free(&second);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void hex_of(const char *path, wt_context *ctx, char hex[65])
{
    wt_map map;
    wt_sha256 s;
    uint8_t hash[32];
    wt_err err = { 0 };
    wt_test_ok(wt_map_open(&map, ctx, path, &err), &err);
    wt_sha256_init(&s);
    wt_sha256_add(&s, map.data, (size_t)map.size);
    wt_sha256_end(&s, hash);
    wt_sha256_hex(hash, hex);
    wt_map_close(&map);
}

static void puts_large_weights_beside_the_model(void **state)
{
    enum { N = 5000 };
    static float w[N];
    static const int64_t dims[] = { 1, N };
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    for (int i = 0; i < N; i++)
        w[i] = (float)i;
    mk *graph = mk_graph();
    mk_msg(graph, 1, mk_node(NULL, "MatMul", "x,w", "m"));
    mk_msg(graph, 1, mk_node(NULL, "Add", "m,v", "y"));
    mk_msg(graph, 5, mk_tensor("w", 1, 2, dims, w, sizeof w));
    mk_msg(graph, 5, mk_tensor("v", 1, 2, dims, w, sizeof w));
    const mk *m = mk_model(8, 13, graph);
    wt_graph *g = read_bytes(ctx, m->data, m->len), *again = NULL;
    const wt_write_options options = { .external_threshold = 1000 };
    const char *path = wt_test_path(wt_test_tmpdir(), "large.onnx");
    wt_written written = { 0 };
    char hex[65];
    wt_test_ok(wt_onnx_write(g, path, &options, &written, &err), &err);
    assert_int_equal(written.count, 2);
    assert_string_equal(written.files[0].path, path);
    assert_true(written.files[0].bytes < 1000);
    assert_int_equal(written.files[1].bytes, 20480 + 20000); /* the second tensor begins at a multiple of 4096 */
    for (size_t i = 0; i < 2; i++) {
        hex_of(written.files[i].path, ctx, hex);
        assert_string_equal(hex, written.files[i].sha256);
    }
    wt_test_ok(wt_onnx_read(&again, ctx, path, &err), &err);
    assert_int_equal(again->n_maps, 2);
    assert_memory_equal(wt_graph_find(again, "v")->type.data, w, sizeof w);
    wt_graph_close(again);
    wt_written_free(&written);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void leaves_nothing_half_written(void **state)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_graph *g = everything(ctx);
    const char *folder = wt_test_path(wt_test_tmpdir(), "empty"), *path = wt_test_path(folder, "m.onnx");
    wt_test_ok(wt_make_dirs(ctx, folder, &err), &err);
    wt_context_cancel(ctx);
    wt_test_refused(wt_onnx_write(g, path, NULL, NULL, &err), WT_ECANCELLED, &err, NULL);
    assert_int_equal(wt_test_count_files(folder), 0);
    wt_graph_close(g);
    wt_test_context_close(ctx);
    ctx = wt_test_context();
    g = everything(ctx);
    wt_test_write(path, "mine", 4);
    wt_test_refused(wt_onnx_write(g, path, NULL, NULL, &err), WT_EUSAGE, &err, "exists already");
    const wt_write_options force = { .force = true };
    if (access("/dev/full", W_OK) == 0)
        wt_test_refused(wt_onnx_write(g, "/dev/full", &force, NULL, &err), WT_EIO, &err, NULL);
    wt_test_ok(wt_onnx_write(g, path, &force, NULL, &err), &err);
    assert_int_equal(wt_test_count_files(folder), 1);
    if (geteuid() != 0) {
        assert_int_equal(chmod(folder, 0500), 0);
        wt_test_refused(wt_onnx_write(g, wt_test_path(folder, "n.onnx"), NULL, NULL, &err), WT_EIO, &err, NULL);
        chmod(folder, 0700);
    }
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

/* What a value's quant becomes in the file, and that absorbing gives it back. */
static void lowers_and_absorbs(void **state)
{
    static const float w[12] = { 0.1f, -1, 1.27f, 5, 0, 2, -2, 1, 0.04f, 0.06f, -0.05f, 0.05f };
    static const int64_t dims[] = { 3, 4 };
    static const float scales[4] = { 0.01f, 0.02f, 0.03f, 0.04f }, one = 0.1f;
    static const int32_t zeros[4] = { 0 }, zero = 128;
    static const wt_quant weight = { .dtype = WT_I8, .axis = 1, .count = 4, .scale = scales, .zero_point = zeros },
                          activation = { .dtype = WT_U8, .axis = -1, .count = 1, .scale = &one, .zero_point = &zero };
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_buf out, second;
    size_t absorbed = 0;
    mk *graph = mk_graph();
    mk_msg(graph, 1, mk_node(NULL, "MatMul", "x,w", "m"));
    mk_msg(graph, 1, mk_node(NULL, "Relu", "m", "y"));
    mk_msg(graph, 5, mk_tensor("w", 1, 2, dims, w, sizeof w));
    const mk *m = mk_model(8, 13, graph);
    wt_graph *g = read_bytes(ctx, m->data, m->len), *again;
    wt_buf_init(&out, ctx);
    wt_buf_init(&second, ctx);
    wt_graph_find(g, "w")->quant = &weight;
    g->inputs[0]->quant = g->outputs[0]->quant = &activation;
    wt_test_ok(wt_onnx_write_bytes(g, &out, &err), &err);
    assert_int_equal(g->n_nodes, 2); /* the graph itself is as it was */
    again = read_bytes(ctx, out.data, out.len);
    assert_int_equal(again->n_nodes, 7);
    const wt_value *stored = wt_graph_find(again, "w_quantized");
    const int8_t *codes = stored->type.data;
    assert_true(stored->type.dtype == WT_I8 && stored->type.bytes == 12);
    assert_true(codes[0] == 10 && codes[1] == -50 && codes[2] == 42 && codes[3] == 125 && codes[4] == 0);
    assert_string_equal(again->outputs[0]->name, "y");
    assert_true(wt_node_is(again->outputs[0]->producer, WT_OP_DEQUANTIZELINEAR));
    wt_test_ok(wt_qdq_absorb(again, &absorbed, &err), &err);
    assert_true(absorbed == 3 && again->n_nodes == 2 && again->n_constants == 1);
    const wt_value *back = wt_graph_find(again, "w");
    assert_true(back->quant && back->type.dtype == WT_I8 && wt_value_dtype(back) == WT_F32 && back->quant->count == 4);
    assert_true(again->outputs[0]->quant && again->outputs[0]->quant->zero_point[0] == 128);
    wt_test_ok(wt_onnx_write_bytes(again, &second, &err), &err);
    assert_int_equal(out.len, second.len);
    wt_graph_close(again);
    wt_graph_close(g);
    wt_buf_free(&out);
    wt_buf_free(&second);
    wt_test_context_close(ctx);
    (void)state;
}

static void refuses_quantization_that_onnx_cannot_say(void **state)
{
    static const float one = 0.1f;
    static const int32_t zero = 0, large = 300;
    static const wt_quant as_int32 = { .dtype = WT_I32, .axis = -1, .count = 1, .scale = &one, .zero_point = &zero },
                          outside = { .dtype = WT_U8, .axis = -1, .count = 1, .scale = &one, .zero_point = &large },
                          per_axis = { .dtype = WT_U8, .axis = 1, .count = 1, .scale = &one, .zero_point = &zero };
    static const struct {
        const wt_quant *quant;
        wt_status status;
        const char *message;
    } bad[] = { { &as_int32, WT_EUNSUPPORTED, "int32" },
                { &outside, WT_EFORMAT, "zero point 300" },
                { &per_axis, WT_EFORMAT, "3 are needed" } };
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_buf out;
    mk *graph = mk_graph();
    mk_msg(graph, 1, mk_node(NULL, "Relu", "x", "y"));
    const mk *m = mk_model(8, 13, graph);
    wt_graph *g = read_bytes(ctx, m->data, m->len);
    for (size_t i = 0; i < WT_ARRAY_LEN(bad); i++) {
        wt_buf_init(&out, ctx);
        g->inputs[0]->quant = bad[i].quant;
        wt_test_refused(wt_onnx_write_bytes(g, &out, &err), bad[i].status, &err, bad[i].message);
        wt_buf_free(&out);
    }
    wt_graph_close(g);
    wt_test_context_close(ctx);
    (void)state;
}

static void reads_lone_tensors(void **state)
{
    static const float f[3] = { 1, 2, 3 };
    static const int64_t three = 3;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_tensor *t = NULL;
    const char *path = wt_test_path(wt_test_tmpdir(), "t.pb");
    const mk *m = mk_tensor("t", 1, 1, &three, f, sizeof f);
    wt_test_write(path, m->data, m->len);
    wt_test_ok(wt_onnx_read_tensor(&t, ctx, path, &err), &err);
    assert_true(t->dtype == WT_F32 && t->shape.rank == 1);
    assert_memory_equal(t->data, f, sizeof f);
    wt_free(ctx, t);
    mk *words = mk_new();
    mk_int(words, 1, 2);
    mk_int(words, 2, 8);
    mk_text(words, 6, "one");
    mk_text(words, 6, "");
    wt_test_ok(wt_onnx_read_tensor_bytes(&t, ctx, words->data, words->len, &err), &err);
    const wt_string *s = t->data;
    assert_true(s[0].len == 3 && !memcmp(s[0].data, "one", 3) && s[1].len == 0);
    wt_free(ctx, t);
    mk *sequence = mk_new();
    mk_text(sequence, 1, "name");
    mk_int(sequence, 2, 1);
    wt_test_refused(wt_onnx_read_tensor_bytes(&t, ctx, sequence->data, sequence->len, &err), WT_EUNSUPPORTED, &err,
                    "sequence");
    mk_msg(sequence, 3, m);
    wt_test_refused(wt_onnx_read_tensor_bytes(&t, ctx, sequence->data, sequence->len, &err), WT_EUNSUPPORTED, &err,
                    "sequence");
    wt_test_refused(wt_onnx_read_tensor_bytes(&t, ctx, NULL, 0, &err), WT_EFORMAT, &err, "empty");
    const char *written = wt_test_path(wt_test_tmpdir(), "again.pb");
    wt_tensor *again = NULL;
    wt_test_ok(wt_onnx_read_tensor_bytes(&t, ctx, words->data, words->len, &err), &err);
    wt_test_ok(wt_onnx_write_tensor(ctx, written, t, "words", false, &err), &err);
    wt_test_refused(wt_onnx_write_tensor(ctx, written, t, "words", false, &err), WT_EUSAGE, &err, "exists");
    wt_free(ctx, t);
    wt_test_ok(wt_onnx_read_tensor(&again, ctx, written, &err), &err);
    s = again->data;
    assert_true(again->dtype == WT_STRING && s[0].len == 3 && !memcmp(s[0].data, "one", 3));
    wt_free(ctx, again);
    const wt_tensor view = { .dtype = WT_F32, .shape = wt_shape_make(1, &three), .data = f, .bytes = sizeof f };
    wt_test_ok(wt_onnx_write_tensor(ctx, written, &view, NULL, true, &err), &err);
    wt_test_ok(wt_onnx_read_tensor(&again, ctx, written, &err), &err);
    assert_memory_equal(again->data, f, sizeof f);
    wt_free(ctx, again);
    for (size_t len = 1; len < m->len; len++) {
        uint8_t *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, m->data, len);
        assert_int_not_equal(wt_onnx_read_tensor_bytes(&t, ctx, copy, len, &err), WT_OK);
        assert_null(t);
        free(copy);
    }
    wt_test_context_close(ctx);
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
        cmocka_unit_test_teardown(writes_the_same_again, clean),
        cmocka_unit_test_teardown(puts_large_weights_beside_the_model, clean),
        cmocka_unit_test_teardown(leaves_nothing_half_written, clean),
        cmocka_unit_test_teardown(lowers_and_absorbs, clean),
        cmocka_unit_test_teardown(refuses_quantization_that_onnx_cannot_say, clean),
        cmocka_unit_test_teardown(reads_lone_tensors, clean),
    };
    return wt_test_run("onnx_write", tests, WT_ARRAY_LEN(tests));
}
