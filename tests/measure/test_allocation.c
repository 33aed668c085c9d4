/* test_allocation.c - load, run, free, with every allocation failing in turn: float and quantized models, each kind of
 * data set reader, and calibration to a written file. Nothing may be left, held, or half-written. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "measure/inputs.h"
#include "measure/open.h"
#include "optimize/predict.h"
#include "small_models.h"
#include "whet/dataset.h"
#include "whet/optimize.h"

static const char *dir;
static wt_err err;

static const char *in_dir(const char *name) { return wt_test_path(dir, name); }

/* A file of a data set: text and labels as people write them. */
static void write_text(const char *name, const char *text) { wt_test_write(in_dir(name), text, strlen(text)); }

static void files_are_made(void **state)
{
    (void)state;
    dir = wt_test_tmpdir();
    wt_context *ctx = wt_test_context();
    small_net net = small_net_make();
    small_net_write(ctx, &net, in_dir("float.onnx"));
    net.qdq = true;
    small_net_write(ctx, &net, in_dir("qdq.onnx"));
    small_net_data(ctx, in_dir("set.npz"), 3);
    small_linear_write(ctx, in_dir("linear.onnx"));
    small_linear_data(ctx, in_dir("labelled.npz"), 6, NULL, 0);
    write_text("lines.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
    write_text("notes.txt", "first line\nsecond line\n");
    wt_quantize_options o = wt_quantize_defaults();
    wt_result *result = NULL;
    o.data.path = in_dir("set.npz");
    o.output = in_dir("int8.onnx");
    o.force = 1;
    wt_test_ok(wt_quantize(&result, ctx, in_dir("float.onnx"), &o, &err), &err);
    wt_result_free(result);
    wt_test_context_close(ctx);
}

static wt_status load_run_free(wt_context *ctx, void *model, wt_err *e)
{
    wt_opened m;
    wt_inputs in;
    WT_TRY(wt_open_model(&m, ctx, model, NULL, e));
    wt_status st = wt_inputs_random(&in, m.graph, 0, 0, e);
    for (int i = 0; i < 2 && st == WT_OK; i++)
        st = wt_session_run(m.session, in.tensors, in.n, e);
    wt_inputs_free(&in);
    wt_opened_close(&m);
    return st;
}

static wt_status count_work(wt_context *ctx, void *model, wt_err *e)
{
    wt_work work;
    const wt_status st = wt_work_of_model(&work, ctx, model, NULL, e);
    if (st == WT_OK && !work.n)
        fail_msg("a model without steps");
    wt_work_free(&work, ctx);
    return st;
}

static void work_is_counted(void **state)
{
    (void)state;
    char model[512];
    snprintf(model, sizeof model, "%s", in_dir("float.onnx"));
    assert_true(wt_test_fail_each_alloc(count_work, model) > 10);
}

static void models_run(void **state)
{
    (void)state;
    static const char *const models[] = { "float.onnx", "qdq.onnx", "int8.onnx", "linear.onnx" };
    for (size_t i = 0; i < WT_ARRAY_LEN(models); i++)
        assert_true(wt_test_fail_each_alloc(load_run_free, (void *)(uintptr_t)in_dir(models[i])) > 20);
}

typedef struct reading {
    const char *path;
    wt_data_input input;
} reading;

static wt_status read_all(wt_context *ctx, void *arg, wt_err *e)
{
    const reading *r = arg;
    wt_dataset *ds, *part = NULL;
    wt_sample *sample = NULL;
    int more = 1;
    wt_dataset_options o = wt_dataset_defaults();
    o.inputs = &r->input;
    o.n_inputs = 1;
    WT_TRY(wt_dataset_open(&ds, ctx, r->path, &o, e));
    wt_status st = wt_dataset_limit(&part, ds, 2, e);
    if (st == WT_OK)
        st = wt_sample_open(&sample, ctx, e);
    while (st == WT_OK && more)
        st = wt_dataset_next(part, sample, &more, e);
    wt_sample_close(sample);
    wt_dataset_close(part);
    wt_dataset_close(ds);
    return st;
}

static void data_sets_are_read(void **state)
{
    (void)state;
    const wt_shape picture = wt_shape_make(4, (int64_t[]){ 1, SMALL_IN, SMALL_SIDE, SMALL_SIDE }),
                   row = wt_shape_make(2, (int64_t[]){ 1, 4 }), any = { .rank = -1 };
    const reading readings[] = {
        { in_dir("set.npz"), { "x", WT_F32, picture } },
        { in_dir("labelled.npz"), { "x", WT_F32, row } },
        { in_dir("lines.jsonl"), { "x", WT_STRING, any } },
        { in_dir("notes.txt"), { "x", WT_STRING, any } },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(readings); i++)
        assert_true(wt_test_fail_each_alloc(read_all, (void *)(uintptr_t)&readings[i]) > 5);
}

static wt_status load_input(wt_context *ctx, void *path, wt_err *e)
{
    const wt_data_input input = { "x", WT_F32, { .rank = -1 } };
    wt_tensor *t;
    WT_TRY(wt_data_load(&t, ctx, path, &input, NULL, 0, e));
    wt_data_free(ctx, t);
    return WT_OK;
}

static void one_input_is_loaded(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(load_input, (void *)(uintptr_t)in_dir("set.npz")) > 3);
}

/* The target is there whole or not at all, whichever allocation failed. */
static wt_status quantize_once(wt_context *ctx, void *arg, wt_err *e)
{
    (void)arg;
    wt_quantize_options o = wt_quantize_defaults();
    wt_result *result = NULL;
    struct stat st;
    o.data.path = in_dir("set.npz");
    o.output = in_dir("out/again.onnx");
    o.force = 1;
    (void)remove(o.output);
    const wt_status status = wt_quantize(&result, ctx, in_dir("float.onnx"), &o, e);
    wt_result_free(result);
    const bool there = stat(o.output, &st) == 0;
    if (wt_test_count_files(in_dir("out")) != (there ? 1u : 0u) || (there && st.st_size == 0))
        return wt_fail(e, WT_EINTERNAL, "something half-written is left");
    return status;
}

static void quantizing_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_dir("out"), 0777), 0);
    assert_true(wt_test_fail_each_alloc(quantize_once, NULL) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_made),      cmocka_unit_test(models_run),
        cmocka_unit_test(work_is_counted),     cmocka_unit_test(data_sets_are_read),
        cmocka_unit_test(one_input_is_loaded), cmocka_unit_test(quantizing_leaves_nothing),
    };
    return wt_test_run("allocation", tests, WT_ARRAY_LEN(tests));
}
