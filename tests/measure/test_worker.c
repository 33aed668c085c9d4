/* Workers that crash, hang or talk nonsense are results with a reason; and models measured side by side in real ones.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/json.h"
#include "measure/bench.h"
#include "measure/worker/energy.h"
#include "measure/worker/worker.h"
#include "model/format.h"
#include "model/graph.h"
#include "support/test.h"

/* A shell script in a worker's place. */
static const char *script(const char *body)
{
    char text[512];
    const char *path = wt_test_path(wt_test_tmpdir(), "worker");
    const int n = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    wt_test_write(path, text, (size_t)n);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static void refuse_hello(const char *body, wt_status expected, const char *part)
{
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_worker *w;
    wt_test_refused(wt_worker_open(&w, ctx, script(body), 1, NULL, &err), expected, &err, part);
    assert_null(w);
    wt_test_context_close(ctx);
}

static void ends_are_explained(void **state)
{
    (void)state;
    refuse_hello("kill -SEGV $$", WT_EINTERNAL, "signal 11");
    refuse_hello("kill -KILL $$", WT_ENOMEM, "memory");
    refuse_hello("exit 3", WT_EINTERNAL, "exit code 3");
    refuse_hello("echo first >&2; echo last words >&2; exit 1", WT_EINTERNAL, "last words");
    refuse_hello("echo this is no frame at all", WT_EINTERNAL, "makes no sense");
    refuse_hello("exec 1>&- 0<&-; sleep 30", WT_EINTERNAL, NULL); /* hangs up, but stays */
}

/* The half of a frame, then a refusal in a frame of its own. */
static void refusals_keep_their_status(void **state)
{
    (void)state;
    refuse_hello("printf 'WTF1\\001\\000\\000\\000\\000\\001'", WT_EINTERNAL, NULL);
    refuse_hello("printf 'WTF1\\001\\000\\000\\000\\050\\000\\000\\000\\000\\000\\000\\000"
                 "{\"ok\":false,\"code\":-2,\"message\":\"bad m\"}'",
                 WT_EFORMAT, "bad m");
    refuse_hello("printf 'WTF1\\001\\000\\000\\000\\050\\000\\000\\000\\000\\000\\000\\000"
                 "{\"ok\":false,\"code\":-7777,\"message\":\"xx\"}'",
                 WT_EINTERNAL, NULL);
}

static void a_program_that_is_not_there(void **state)
{
    (void)state;
    if (getenv("WHET_EMULATOR"))
        wt_test_skip("an emulated process that cannot start its program does not hand back why");
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_worker *w;
    wt_test_refused(wt_worker_open(&w, ctx, "/nonexistent/program", 1, NULL, &err), WT_EIO, &err, "No such file");
    assert_null(w);
    wt_test_context_close(ctx);
}

static const char *program(void)
{
    const char *p = getenv("WHET_PROGRAM");
    if (!p || getenv("WHET_EMULATOR"))
        wt_test_skip("WHET_PROGRAM is not set, or cannot start itself");
    return p;
}

static void a_silent_worker_is_given_up(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_worker *w;
    json_t *answer;
    /* Answers hello, then nothing more. */
    const char *path = script(
        "printf 'WTF1\\001\\000\\000\\000\\013\\000\\000\\000\\000\\000\\000\\000{\"ok\":true}'; exec sleep 60");
    wt_test_ok(wt_worker_open(&w, ctx, path, 1, NULL, &err), &err);
    wt_test_refused(wt_worker_ask(w, json_pack("{s:s}", "do", "memory"), 0.1, &answer, &err), WT_ELIMIT, &err,
                    "in time");
    assert_null(answer);
    wt_test_refused(wt_worker_ask(w, json_pack("{s:s}", "do", "memory"), 0.1, &answer, &err), WT_EINTERNAL, &err,
                    "has ended");
    wt_worker_close(w);
    wt_test_context_close(ctx);
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        wt_status expected;
    } rows[] = {
        { "{\"do\":\"dance\"}", WT_EUSAGE },
        { "{}", WT_EUSAGE },
        { "{\"do\":\"hello\"}", WT_EUSAGE }, /* a second time */
        { "{\"do\":\"run\",\"seconds\":1}", WT_EUSAGE },
        { "{\"do\":\"memory\"}", WT_EUSAGE },
        { "{\"do\":\"open\"}", WT_EUSAGE },
        { "{\"do\":\"open\",\"model\":\"/nonexistent.onnx\"}", WT_EIO },
        { "{\"do\":\"open\",\"model\":\"/dev/null\",\"samples\":5}", WT_EIO },
    };
    wt_context *ctx = wt_test_context();
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        wt_err err = { 0 };
        wt_worker *w;
        json_t *answer;
        uint64_t rss = 0;
        wt_test_ok(wt_worker_open(&w, ctx, program(), 1, &rss, &err), &err);
        assert_true(rss > 100000);
        wt_test_refused(wt_worker_ask(w, json_loads(rows[i].request, 0, NULL), 10, &answer, &err), rows[i].expected,
                        &err, NULL);
        wt_worker_close(w);
    }
    wt_test_context_close(ctx);
}

/* --- models side by side
 * --------------------------------------------------------------------------------------------------- */

/* y = relu(x . w), x [n, size] with a free n, w [size, size]. */
static const char *make_model(wt_context *ctx, int64_t size, const char *name)
{
    wt_err err = { 0 };
    wt_graph *g;
    wt_value *x, *w, *h, *y;
    const char *path = wt_test_path(wt_test_tmpdir(), name);
    float *data = wt_alloc(ctx, (size_t)(size * size), sizeof *data, &err);
    assert_non_null(data);
    for (int64_t i = 0; i < size * size; i++)
        data[i] = (float)(i % 7) * 0.1f;
    const wt_tensor weights = {
        .dtype = WT_F32, .shape = { 2, { size, size } }, .data = data, .bytes = (size_t)(size * size) * 4
    };
    wt_test_ok(wt_graph_new(&g, ctx, &err), &err);
    wt_test_ok(wt_graph_add_value(&x, g, "x", &err), &err);
    x->type = (wt_tensor){ .dtype = WT_F32, .shape = { 2, { WT_DIM_ANY, size } } };
    wt_test_ok(wt_graph_add_input(g, x, &err), &err);
    wt_test_ok(wt_graph_add_constant(&w, g, "w", &weights, &err), &err);
    wt_test_ok(wt_graph_add_value(&h, g, "h", &err), &err);
    wt_test_ok(wt_graph_add_value(&y, g, "y", &err), &err);
    wt_test_ok(wt_graph_add_node(NULL, g, NULL, "", "MatMul", "mm", (wt_value *[]){ x, w }, 2, &h, 1, NULL, &err),
               &err);
    wt_test_ok(wt_graph_add_node(NULL, g, NULL, "", "Relu", "relu", &h, 1, &y, 1, NULL, &err), &err);
    wt_test_ok(wt_graph_add_output(g, y, &err), &err);
    wt_test_ok(wt_graph_infer(g, &err), &err);
    wt_test_ok(wt_model_write(g, path, NULL, NULL, NULL, &err), &err);
    wt_graph_close(g);
    wt_free(ctx, data);
    return path;
}

static void lanes_are_measured(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_lanes_options o = { .exec = wt_exec_defaults(), .seconds = 0.1, .warmup = -1, .program = program() };
    wt_lane lanes[] = { { .model = make_model(ctx, 32, "small.onnx") },
                        { .model = make_model(ctx, 256, "large.onnx") },
                        { .model = "/dev/null" } };
    wt_test_ok(wt_lanes_measure(lanes, 3, ctx, &o, &err), &err);
    for (int i = 0; i < 2; i++) {
        wt_test_ok(lanes[i].status, &lanes[i].err);
        assert_true(lanes[i].n >= 3 && lanes[i].rounds >= 3 && lanes[i].wall_s >= 0.1);
        for (size_t k = 0; k < lanes[i].n; k++)
            assert_true(lanes[i].ms[k] > 0 && lanes[i].interrupted[k] <= 1);
        assert_true(lanes[i].first_run_ms > 0 && lanes[i].open_ms > 0);
        assert_true(lanes[i].peak_rss_bytes >= lanes[i].empty_rss_bytes && lanes[i].peak_heap_bytes > 0);
    }
    assert_true(lanes[1].weights_bytes + lanes[1].mapped_bytes >= 256 * 256 * 4);
    assert_int_not_equal(lanes[2].status, WT_OK); /* and it did not end the others */
    assert_int_equal(lanes[2].n, 0);
    wt_lanes_free(lanes, 3, ctx);
    wt_test_context_close(ctx);
}

static void shapes_and_batch(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    const char *shapes[] = { "x=3x16", "nobody=1" };
    wt_lanes_options o = { .exec = wt_exec_defaults(), .seconds = 0.05, .warmup = 0, .program = program() };
    wt_lane lane = { .model = make_model(ctx, 16, "m.onnx") };
    o.exec.input_shapes = shapes;
    o.exec.n_input_shapes = 1;
    wt_test_ok(wt_lanes_measure(&lane, 1, ctx, &o, &err), &err);
    wt_test_ok(lane.status, &lane.err);
    wt_lanes_free(&lane, 1, ctx);
    o.batch = 2; /* the shape says 3 */
    wt_test_ok(wt_lanes_measure(&lane, 1, ctx, &o, &err), &err);
    assert_int_equal(lane.status, WT_EUSAGE);
    wt_lanes_free(&lane, 1, ctx);
    o.batch = 0;
    o.exec.n_input_shapes = 2;
    wt_test_refused(wt_lanes_measure(&lane, 1, ctx, &o, &err), WT_EUSAGE, &err, "no model has an input");
    wt_test_context_close(ctx);
}

static void a_bench_reports(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_result *r;
    wt_bench_options o = wt_bench_defaults();
    const char *models[] = { make_model(ctx, 16, "a.onnx"), "/nonexistent.onnx", make_model(ctx, 192, "b.onnx") };
    o.models = models;
    o.n_models = 3;
    o.seconds = 0.1;
    o.program = program();
    o.target = "intel-n100";
    assert_int_equal(wt_bench(&r, ctx, &o, &err), WT_EIO); /* of the second */
    assert_non_null(r);
    assert_int_equal(wt_result_count(r, "results"), 3);
    assert_string_equal(wt_result_string(r, "", "results[1].status"), "failed");
    assert_true(wt_result_number(r, 0, "results[0].latency_ms.p50") > 0);
    assert_int_equal(wt_result_count(r, "results[2].latency_ms.ci95"), 2);
    assert_true(wt_result_number(r, 0, "results[0].energy_j") > 0);
    assert_int_equal(wt_result_count(r, "ratios"), 1);
    assert_true(wt_result_has(r, "noise_floor"));
    wt_result_free(r);
    o.target = NULL;
    models[0] = "/nonexistent.onnx"; /* the first fails: nothing to compare with */
    assert_int_equal(wt_bench(&r, ctx, &o, &err), WT_EIO);
    assert_int_equal(wt_result_count(r, "ratios"), 0);
    assert_false(wt_result_has(r, "noise_floor"));
    wt_result_free(r);
    o.n_models = 1;
    wt_test_refused(wt_bench(&r, ctx, &o, &err), WT_EIO, &err, NULL);
    assert_null(r);
    wt_test_context_close(ctx);
}

/* --- energy
 * ---------------------------------------------------------------------------------------------------------------- */
static void put(const char *root, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, file);
    for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
    wt_test_write(path, text, strlen(text));
}

static void meters(void **state)
{
    (void)state;
    wt_meter m;
    const char *root = wt_test_tmpdir();
    wt_meter_open(&m, root);
    assert_string_equal(wt_meter_name(&m), "none");
    assert_true(isnan(wt_meter_read(&m)));
    put(root, "sys/class/power_supply/BAT0/status", "Discharging\n");
    put(root, "sys/class/power_supply/BAT0/power_now", "5000000\n");
    wt_meter_open(&m, root);
    assert_string_equal(wt_meter_name(&m), "battery");
    assert_true(wt_meter_read(&m) >= 0);
    put(root, "sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put(root, "sys/class/powercap/intel-rapl:0/energy_uj", "9000000\n");
    put(root, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
    put(root, "sys/class/powercap/intel-rapl:1/name", "psys\n"); /* the sum of all: not counted again */
    put(root, "sys/class/powercap/intel-rapl:1/energy_uj", "1\n");
    wt_meter_open(&m, root);
    assert_string_equal(wt_meter_name(&m), "rapl");
    put(root, "sys/class/powercap/intel-rapl:0/energy_uj", "9500000\n");
    assert_true(fabs(wt_meter_read(&m) - 0.5) < 1e-9);
    put(root, "sys/class/powercap/intel-rapl:0/energy_uj", "500000\n"); /* it wrapped */
    assert_true(fabs(wt_meter_read(&m) - 1.5) < 1e-9);
    put(root, "sys/class/powercap/intel-rapl:0/energy_uj", "nonsense\n");
    assert_true(isnan(wt_meter_read(&m)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_explained),
        cmocka_unit_test(refusals_keep_their_status),
        cmocka_unit_test(a_program_that_is_not_there),
        cmocka_unit_test(a_silent_worker_is_given_up),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(lanes_are_measured),
        cmocka_unit_test(shapes_and_batch),
        cmocka_unit_test(a_bench_reports),
        cmocka_unit_test(meters),
    };
    return wt_test_run("worker", tests, WT_ARRAY_LEN(tests));
}
