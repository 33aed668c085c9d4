/* Engines of others: which library is found, and that one which cannot be used is a line with a reason. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "run/engines/engine.h"
#include "support/test.h"
#include "whet/measure.h"

static const char *const variables[] = { "WHET_ORT_LIB", "WHET_OPENVINO_LIB", "WHET_LLAMA_LIB", "LD_LIBRARY_PATH",
                                         "VIRTUAL_ENV",  "CONDA_PREFIX",      "PYENV_VERSION" };

static const char *root(void)
{
    static const char *dir;
    if (!dir)
        dir = wt_test_tmpdir();
    return dir;
}

/* Nothing of this machine is found but what the test puts there. */
static void forget_environment(void)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    setenv("PATH", root(), 1);
    setenv("HOME", root(), 1);
}

static void empty_file(const char *folder, const char *name) { wt_test_write(wt_test_path(folder, name), "", 0); }

static const char *folder(const char *name)
{
    const char *path = wt_test_path(root(), name);
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_test_ok(wt_make_dirs(ctx, path, &err), &err);
    wt_test_context_close(ctx);
    return path;
}

/* --- finding
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_libraries find(wt_context *ctx)
{
    wt_libraries found;
    wt_err err = { 0 };
    wt_test_ok(wt_libraries_find(&found, ctx, wt_engine_onnxruntime.files, &err), &err);
    return found;
}

static void the_highest_version_of_a_folder(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *dir = folder("versions");
    static const char *const names[] = {
        "libonnxruntime.so.1.9.0",      "libonnxruntime.so.1.10.2",           "libonnxruntime.so",
        "libonnxruntime.so.1.10.2.bak", "libonnxruntime_providers_shared.so", "libonnxruntimex.so.9.9"
    };
    forget_environment();
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++)
        empty_file(dir, names[i]);
    setenv("LD_LIBRARY_PATH", dir, 1);
    wt_libraries found = find(ctx);
    assert_true(found.n >= 1);
    assert_string_equal(wt_path_base(found.items[0].path), "libonnxruntime.so.1.10.2");
    assert_string_equal(found.items[0].version, "1.10.2");
    assert_string_equal(found.items[0].from, "linker path");
    wt_libraries_free(&found);
    wt_test_context_close(ctx);
}

static void python_packages(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *venv = folder("venv"), *capi = folder("venv/lib/python3.11/site-packages/onnxruntime/capi");
    const char *other = folder("other/lib/python3.12/site-packages/onnxruntime/capi"), *bin = folder("other/bin");
    folder("venv/lib/python3.11/site-packages/onnxruntime-1.23.4.dist-info");
    folder("venv/lib/python3.11/site-packages/onnxruntime_tools-9.dist-info");
    empty_file(capi, "libonnxruntime.so.1.23.4");
    empty_file(other, "libonnxruntime.so.1.22.0");
    forget_environment();
    setenv("VIRTUAL_ENV", venv, 1);
    wt_test_write(wt_test_path(bin, "python3"), "", 0);
    chmod(wt_test_path(bin, "python3"), 0700);
    setenv("PATH", bin, 1);
    wt_libraries found = find(ctx);
    assert_int_equal(found.n, 2); /* both, the environment that is active first */
    assert_string_equal(found.items[0].version, "1.23.4");
    assert_string_equal(found.items[0].from, "python packages");
    assert_string_equal(found.items[1].version, "1.22.0");
    wt_libraries_free(&found);
    wt_test_context_close(ctx);
}

static void pyenv_is_followed(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *shims = folder("pyenv/shims"), *pyenv = folder("pyenv");
    empty_file(folder("pyenv/versions/3.13.1/lib/python3.13/site-packages/onnxruntime/capi"),
               "libonnxruntime.so.1.21.0");
    wt_test_write(wt_test_path(pyenv, "version"), "3.13.1\n", 7);
    wt_test_write(wt_test_path(shims, "python3"), "", 0);
    chmod(wt_test_path(shims, "python3"), 0700);
    forget_environment();
    setenv("PATH", shims, 1);
    wt_libraries found = find(ctx);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.items[0].version, "1.21.0");
    wt_libraries_free(&found);
    wt_test_context_close(ctx);
}

static void the_variable_goes_before(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    const char *dir = folder("named");
    forget_environment();
    empty_file(dir, "libonnxruntime.so.1.19.0");
    setenv("LD_LIBRARY_PATH", wt_test_path(root(), "versions"), 1);
    setenv("WHET_ORT_LIB", dir, 1);
    wt_libraries found = find(ctx);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.items[0].version, "1.19.0");
    assert_string_equal(found.items[0].from, "WHET_ORT_LIB");
    wt_libraries_free(&found);
    setenv("WHET_ORT_LIB", "/nonexistent/lib.so", 1); /* is what loading will complain of */
    found = find(ctx);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.items[0].path, "/nonexistent/lib.so");
    wt_libraries_free(&found);
    wt_test_context_close(ctx);
}

/* --- loading, in a process of its own
 * --------------------------------------------------------------------------------------- */
static void refuse(const char *library, double limit, const char *status, const char *reason)
{
    wt_err err = { 0 };
    wt_engines_options o = wt_engines_defaults();
    wt_result *r;
    o.program = getenv("WHET_PROGRAM");
    o.timeout_s = limit;
    if (!o.program || getenv("WHET_EMULATOR"))
        wt_test_skip("WHET_PROGRAM is not set, or cannot start itself");
    if (getenv("WHET_SANITIZED"))
        wt_test_skip("a sanitizer has its own word on what such libraries do");
    wt_context *ctx = wt_test_context();
    forget_environment();
    setenv("WHET_ORT_LIB", library, 1);
    wt_test_ok(wt_engines_list(&r, ctx, &o, &err), &err);
    assert_string_equal(wt_result_string(r, "", "engines[0].name"), "native"); /* the rest still comes */
    assert_string_equal(wt_result_string(r, "", "engines[0].status"), "ready");
    assert_string_equal(wt_result_string(r, "", "engines[1].name"), "onnxruntime");
    assert_string_equal(wt_result_string(r, "", "engines[1].status"), status);
    assert_false(wt_result_true(r, "engines[1].found"));
    if (!strstr(wt_result_string(r, "", "engines[1].reason"), reason))
        fail_msg("'%s' is not in '%s'", reason, wt_result_string(r, "", "engines[1].reason"));
    wt_result_free(r);
    wt_test_context_close(ctx);
}

static void libraries_that_are_none(void **state)
{
    (void)state;
    refuse(WHET_LIBRARY_STRANGER, 0, "refused", "no function OrtGetApiBase");
    refuse(WHET_LIBRARY_OLD, 0, "refused", "1.3.1 cannot be used");
    refuse(WHET_LIBRARY_MUTE, 0, "refused", "does not offer version");
    refuse("/nonexistent/libonnxruntime.so", 0, "refused", "cannot be loaded");
    const char *text = wt_test_path(root(), "libtext.so");
    wt_test_write(text, "no library at all", 17);
    refuse(text, 0, "refused", "cannot be loaded");
}

static void a_library_that_ends_the_process(void **state)
{
    (void)state;
    refuse(WHET_LIBRARY_ABORTING, 0, "refused", "signal 6");
    refuse(WHET_LIBRARY_ABORTING, 0, "refused", "last words");
}

static void a_library_that_hangs(void **state)
{
    (void)state;
    refuse(WHET_LIBRARY_SLEEPING, 0.3, "refused", "did not end within 0.3 s");
}

/* Standard output is the line between the processes: what a library prints there must not break it. */
static void a_library_that_talks(void **state)
{
    (void)state;
    refuse(WHET_LIBRARY_TALKING, 0, "refused", "does not say which version");
}

static void a_library_for_another_processor(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    char *bytes;
    size_t len;
    const char *path = wt_test_path(root(), "libforeign.so");
    wt_test_ok(wt_read_file(ctx, WHET_LIBRARY_STRANGER, 1 << 24, &bytes, &len, &err), &err);
    if (len < 20 || memcmp(bytes, "\177ELF", 4) != 0) {
        wt_free(ctx, bytes);
        wt_test_context_close(ctx);
        wt_test_skip("libraries here are no ELF files");
    }
    bytes[18] = 22; /* S/390 */
    bytes[19] = 0;
    wt_test_write(path, bytes, len);
    wt_free(ctx, bytes);
    wt_test_context_close(ctx);
    refuse(path, 0, "refused", "cannot be loaded");
}

/* --- choosing
 * ---------------------------------------------------------------------------------------------------------------- */
static void words_choose_engines(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_engine_choice c[WT_MOST_ENGINES];
    wt_err err = { 0 };
    size_t n;
    forget_environment();
    wt_test_ok(wt_engine_choices(c, &n, ctx, NULL, &err), &err);
    assert_int_equal(n, 1);
    assert_string_equal(c[0].engine->name, "native");
    wt_test_ok(wt_engine_choices(c, &n, ctx, "onnxruntime:basic,native", &err), &err);
    assert_int_equal(n, 2);
    assert_string_equal(c[0].variant, "basic");
    assert_string_equal(c[0].label, "onnxruntime:basic");
    assert_string_equal(c[1].engine->name, "native");
    wt_test_refused(wt_engine_choices(c, &n, ctx, "tensorflow", &err), WT_EUSAGE, &err, "native, onnxruntime");
    wt_test_refused(wt_engine_choices(c, &n, ctx, "onnxruntime:fast", &err), WT_EUSAGE, &err, "unoptimized");
    wt_test_refused(wt_engine_choices(c, &n, ctx, "native:x", &err), WT_EUSAGE, &err, "is none");
    wt_test_refused(wt_engine_choices(c, &n, ctx, ",", &err), WT_EUSAGE, &err, "no engine ''");
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_version_of_a_folder),
        cmocka_unit_test(python_packages),
        cmocka_unit_test(pyenv_is_followed),
        cmocka_unit_test(the_variable_goes_before),
        cmocka_unit_test(libraries_that_are_none),
        cmocka_unit_test(a_library_that_ends_the_process),
        cmocka_unit_test(a_library_that_hangs),
        cmocka_unit_test(a_library_that_talks),
        cmocka_unit_test(a_library_for_another_processor),
        cmocka_unit_test(words_choose_engines),
    };
    return wt_test_run("engines", tests, WT_ARRAY_LEN(tests));
}
