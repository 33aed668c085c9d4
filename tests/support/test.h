/* test.h - what every test program shares.
 *
 * A test program is a list of cmocka tests and a main of one line:
 *
 *     static void adds(void **state) { (void)state; assert_int_equal(1 + 1, 2); }
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = { cmocka_unit_test(adds) };
 *         return wt_test_run("arithmetic", tests, WT_ARRAY_LEN(tests));
 *     }
 *
 * wt_test_run prints `N passed, N failed, N skipped` as its last line and answers the exit code. The variable
 * WHET_TEST_FILTER (a glob) runs only the tests whose names match. A test that cannot run here says why:
 * wt_test_skip("no AVX-512"). Declared in CMake by whet_add_test(name file.c). */
#ifndef WT_TEST_H
#define WT_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"

int wt_test_run(const char *name, const struct CMUnitTest *tests, size_t count);
/* True under `make test-long`: a test may then take minutes. */
bool wt_test_long(void);
/* Ends the running test as skipped; does not return. */
void wt_test_skip(const char *fmt, ...) WT_PRINTF(1, 2);

/* A context with all defaults but two threads, so that code for several threads runs on any machine. */
wt_context *wt_test_context(void);
/* Closes it, and fails the test when memory was left. */
void wt_test_context_close(wt_context *ctx);
/* Fails the test, with the whole error, unless st is WT_OK. */
void wt_test_ok(wt_status st, const wt_err *err);
/* Fails the test unless st is `expected`, err says the same, and its message contains `part` (NULL: any). */
void wt_test_refused(wt_status st, wt_status expected, const wt_err *err, const char *part);

/* An empty folder of this program's own, removed with all it holds when wt_test_run ends. Never NULL. */
const char *wt_test_tmpdir(void);
/* folder + "/" + name, valid until wt_test_run ends. */
const char *wt_test_path(const char *folder, const char *name);
/* A file of the source tree: wt_test_source("tests/model/data/x.onnx"). */
const char *wt_test_source(const char *name);
/* A file under WHET_SHARED_DATA; skips the test when that is not set or the file is absent. */
const char *wt_test_shared_data(const char *name);
/* Writes a file of the test's own. */
void wt_test_write(const char *path, const void *bytes, size_t len);
/* Names in a folder, without "." and "..". */
size_t wt_test_count_files(const char *folder);

/* --- an allocator that fails on request ------------------------------------------------------------------- */
typedef struct wt_test_allocator {
    atomic_long calls;    /* allocations asked for */
    atomic_long fail_at;  /* the call, counted from 0, that fails; -1: none */
    atomic_long blocks;   /* alive */
    atomic_long bytes;    /* alive */
    atomic_long mistakes; /* freed with another size than allocated, or not allocated here */
} wt_test_allocator;
void wt_test_allocator_init(wt_test_allocator *a, long fail_at);
wt_allocator wt_test_allocator_of(wt_test_allocator *a);

/* Opens something, uses it, closes it, and answers the first failure. */
typedef wt_status wt_test_alloc_fn(wt_context *ctx, void *arg, wt_err *err);
/* Runs fn again and again, failing its first, second, third... allocation, until one run needs no more. Each run
 * must end with WT_OK or a WT_ENOMEM that says so, and leave no block. Answers how many allocations there were. */
long wt_test_fail_each_alloc(wt_test_alloc_fn *fn, void *arg);
#endif
