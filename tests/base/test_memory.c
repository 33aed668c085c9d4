/* Memory: counted, refused on overflow and beyond the budget, failing at any call; arenas; pages. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "support/test.h"

static bool all_zero(const void *p, size_t n)
{
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

static wt_context *limited(uint64_t bytes)
{
    wt_context_options options = wt_context_defaults();
    options.memory_limit = bytes;
    wt_context *ctx;
    wt_err err = { 0 };
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    return ctx;
}

static void blocks_are_zeroed_aligned_and_counted(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    void *blocks[40];
    for (size_t i = 0; i < WT_ARRAY_LEN(blocks); i++) {
        blocks[i] = wt_alloc(ctx, i, 7, &err);
        assert_non_null(blocks[i]); /* also for nothing */
        assert_true((uintptr_t)blocks[i] % 64 == 0);
        assert_true(all_zero(blocks[i], i * 7));
        memset(blocks[i], 0xee, i * 7);
    }
    assert_true(wt_context_memory_now(ctx) >= 39 * 40 / 2 * 7);
    const uint64_t peak = wt_context_memory_peak(ctx);
    assert_true(peak == wt_context_memory_now(ctx));
    for (size_t i = 0; i < WT_ARRAY_LEN(blocks); i++)
        wt_free(ctx, blocks[i]);
    wt_free(ctx, NULL);
    assert_true(wt_context_memory_now(ctx) == 0);
    assert_true(wt_context_memory_peak(ctx) == peak);
    wt_test_context_close(ctx);
}

static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static const size_t pairs[][2] = {
        { SIZE_MAX, 2 },      { SIZE_MAX / 2 + 1, 2 }, { SIZE_MAX, 1 },
        { SIZE_MAX - 63, 1 }, { PTRDIFF_MAX, 1 },      { (size_t)1 << 32, (size_t)1 << 32 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(pairs); i++) {
        wt_err err = { 0 };
        assert_null(wt_alloc(ctx, pairs[i][0], pairs[i][1], &err));
        assert_int_equal(err.code, WT_ENOMEM);
        memset(&err, 0, sizeof err);
        wt_arena arena;
        wt_arena_init(&arena, ctx);
        assert_null(wt_arena_alloc(&arena, pairs[i][0], pairs[i][1], &err));
        assert_int_equal(err.code, WT_ENOMEM);
        wt_arena_free(&arena);
        void *list = NULL;
        size_t cap = 0;
        assert_int_equal(wt_grow(ctx, &list, &cap, pairs[i][0], pairs[i][1], &err), WT_ENOMEM);
        assert_null(list);
        assert_true(cap == 0);
    }
    assert_null(wt_alloc_pages(ctx, SIZE_MAX, NULL));
    assert_null(wt_alloc_pages(ctx, PTRDIFF_MAX, NULL));
    wt_test_context_close(ctx);
}

static void the_budget_holds(void **state)
{
    (void)state;
    wt_context *ctx = limited(10000);
    wt_err err = { 0 };
    assert_true(wt_budget_left(ctx) == 10000);
    void *first = wt_alloc(ctx, 6000, 1, &err);
    assert_non_null(first);
    assert_null(wt_alloc(ctx, 6000, 1, &err));
    assert_int_equal(err.code, WT_ENOMEM);
    assert_non_null(strstr(err.message, "limit of 10.0 kB"));
    assert_true(err.hint[0] != 0);
    assert_null(wt_alloc_pages(ctx, 4 << 20, &err));
    wt_test_ok(wt_budget_check(ctx, 3000, "the plan", &err), &err);
    wt_test_refused(wt_budget_check(ctx, 1000000, "the plan", &err), WT_ENOMEM, &err, "the plan needs about 1.0 MB");
    assert_non_null(strstr(err.hint, "1.0 MB"));
    wt_free(ctx, first);
    void *again = wt_alloc(ctx, 6000, 1, &err); /* what was freed is there again */
    assert_non_null(again);
    wt_free(ctx, again);
    assert_true(wt_context_memory_peak(ctx) <= 10000);
    wt_test_context_close(ctx);
}

static void growing_keeps_what_was_there(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    void *list = NULL;
    size_t cap = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        wt_test_ok(wt_grow(ctx, &list, &cap, i + 1, sizeof i, &err), &err);
        assert_true(cap > i);
        assert_true(((uint32_t *)list)[i] == 0);
        ((uint32_t *)list)[i] = i;
    }
    for (uint32_t i = 0; i < 5000; i++)
        assert_true(((uint32_t *)list)[i] == i);
    const size_t before = cap;
    wt_test_ok(wt_grow(ctx, &list, &cap, 10, sizeof(uint32_t), &err), &err);
    assert_true(cap == before); /* never shrinks */
    wt_free(ctx, list);
    wt_test_context_close(ctx);
}

static void pages_are_zeroed_and_huge(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 4096, 5000, 2 << 20, (2 << 20) + 1, 9 << 20 };
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    for (size_t i = 0; i < WT_ARRAY_LEN(sizes); i++) {
        char *p = wt_alloc_pages(ctx, sizes[i], &err);
        assert_non_null(p);
        assert_true((uintptr_t)p % 4096 == 0);
        if (sizes[i] >= 2 << 20 && !WT_ASAN)
            assert_true((uintptr_t)p % (2 << 20) == 0);
        assert_true(all_zero(p, sizes[i]));
        memset(p, 1, sizes[i]);
        assert_true(wt_context_memory_now(ctx) >= sizes[i]);
        wt_free_pages(ctx, p);
        assert_true(wt_context_memory_now(ctx) == 0);
    }
    wt_free_pages(ctx, NULL);
    wt_test_context_close(ctx);
}

/* kB of huge pages in the mapping that holds the address, -1 when the kernel does not say. */
static long huge_kb(const void *address)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long from = 0, to = 0;
    long kb = -1;
    while (file && fgets(line, sizeof line, file)) {
        unsigned long a, b;
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
            from = a, to = b;
        else if (from <= (uintptr_t)address && (uintptr_t)address < to && sscanf(line, "AnonHugePages: %ld", &kb) == 1)
            break;
    }
    if (file)
        fclose(file);
    return kb;
}

static void large_pages_come_from_the_system(void **state)
{
    (void)state;
    char mode[128] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (!file || !fgets(mode, sizeof mode, file) || strstr(mode, "[never]")) {
        if (file)
            fclose(file);
        wt_test_skip("this kernel gives no transparent huge pages");
    }
    fclose(file);
    if (getenv("WHET_EMULATOR"))
        wt_test_skip("an emulator does not pass the advice on");
    if (WT_ASAN)
        wt_test_skip("pages are ordinary blocks under the address sanitizer");
    wt_context *ctx = wt_test_context();
    enum { BYTES = 32 << 20 };
    char *p = wt_alloc_pages(ctx, BYTES, NULL);
    assert_non_null(p);
    memset(p, 1, BYTES);
    const long kb = huge_kb(p);
    wt_free_pages(ctx, p);
    wt_test_context_close(ctx);
    if (kb < 0)
        wt_test_skip("/proc/self/smaps does not tell huge pages (or belongs to another architecture)");
    if (kb < BYTES / 1024 / 2) /* memory may be too fragmented for some, not for most */
        fail_msg("%ld kB of %d kB are on huge pages", kb, BYTES / 1024);
}

static void the_callers_allocator_gets_everything(void **state)
{
    (void)state;
    wt_test_allocator a;
    wt_test_allocator_init(&a, -1);
    wt_context_options options = wt_context_defaults();
    options.allocator = wt_test_allocator_of(&a);
    wt_context *ctx;
    wt_err err = { 0 };
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    char *block = wt_alloc(ctx, 100, 1, &err), *pages = wt_alloc_pages(ctx, 3 << 20, &err);
    assert_true(block && pages);
    assert_true((uintptr_t)block % 64 == 0 && (uintptr_t)pages % 4096 == 0);
    assert_true(all_zero(block, 100) && all_zero(pages, 3 << 20));
    assert_int_equal(atomic_load(&a.blocks), 3); /* with the context */
    assert_true((uint64_t)atomic_load(&a.bytes) >= wt_context_memory_now(ctx));
    wt_free(ctx, block);
    wt_free_pages(ctx, pages);
    wt_context_close(ctx);
    assert_int_equal(atomic_load(&a.blocks), 0);
    assert_int_equal(atomic_load(&a.bytes), 0);
    assert_int_equal(atomic_load(&a.mistakes), 0);
}

static void arenas_hold_many_things(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_err err = { 0 };
    wt_arena arena;
    wt_arena_init(&arena, ctx);
    unsigned char *pieces[2000];
    uint64_t random = 1;
    for (size_t i = 0; i < WT_ARRAY_LEN(pieces); i++) {
        const size_t n = i % 100 == 99 ? 100000 : (size_t)(wt_random(&random) % 300);
        pieces[i] = wt_arena_alloc(&arena, n, 1, &err);
        assert_non_null(pieces[i]);
        assert_true((uintptr_t)pieces[i] % 16 == 0);
        assert_true(all_zero(pieces[i], n));
        memset(pieces[i], (int)(i & 0xff) | 1, n);
        if (n)
            assert_true(pieces[i][0] == ((i & 0xff) | 1) && pieces[i][n - 1] == ((i & 0xff) | 1));
    }
    assert_true(arena.total >= 20 * 100000);
    assert_true(arena.total <= wt_context_memory_now(ctx));
    wt_arena_free(&arena);
    assert_true(arena.total == 0 && wt_context_memory_now(ctx) == 0);
    assert_string_equal(wt_arena_strdup(&arena, "used again", &err), "used again");
    assert_string_equal(wt_arena_strndup(&arena, "cut here", 3, &err), "cut");
    assert_string_equal(wt_arena_strndup(&arena, "", 0, &err), "");
    assert_string_equal(wt_arena_printf(&arena, &err, "%s-%d", "layer", 12), "layer-12");
    assert_string_equal(wt_arena_printf(&arena, &err, "%s", ""), "");
    assert_null(wt_arena_strndup(&arena, "x", SIZE_MAX, &err));
    wt_arena_free(&arena);
    wt_arena_free(&arena);
    wt_test_context_close(ctx);
}

static wt_status use_everything(wt_context *ctx, void *arg, wt_err *err)
{
    (void)arg;
    wt_status st = WT_ENOMEM;
    void *list = NULL;
    size_t cap = 0;
    wt_arena arena;
    wt_buf buf;
    wt_arena_init(&arena, ctx);
    wt_buf_init(&buf, ctx);
    void *block = wt_alloc(ctx, 10, 10, err), *pages = block ? wt_alloc_pages(ctx, 3 << 20, err) : NULL;
    char *joined = pages ? wt_path_join(ctx, "a", "b", err) : NULL;
    if (!joined || (st = wt_grow(ctx, &list, &cap, 100, 8, err)) != WT_OK ||
        (st = wt_grow(ctx, &list, &cap, 1000, 8, err)) != WT_OK)
        goto done;
    st = WT_ENOMEM;
    for (int i = 0; i < 200; i++)
        if (!wt_arena_printf(&arena, err, "%0200d", i) || (i == 100 && !wt_arena_alloc(&arena, 1, 1 << 20, err)))
            goto done;
    for (int i = 0; i < 200; i++)
        wt_buf_printf(&buf, "%d,", i);
    st = wt_buf_status(&buf, err);
done:
    wt_buf_free(&buf);
    wt_arena_free(&arena);
    wt_free(ctx, list);
    wt_free(ctx, joined);
    wt_free(ctx, block);
    wt_free_pages(ctx, pages);
    return st;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(use_everything, NULL) > 10);
}

static void churn(void *arg, wt_team *team, int tid, int nthreads)
{
    (void)team, (void)nthreads;
    wt_context *ctx = arg;
    for (size_t i = 0; i < 2000; i++) {
        void *p = wt_alloc(ctx, (size_t)tid + 1, i % 50, NULL);
        wt_free(ctx, p); /* NULL when the budget is used up by the others: fine */
    }
}

static void counting_from_many_threads(void **state)
{
    (void)state;
    wt_context_options options = wt_context_defaults();
    options.memory_limit = 20000;
    options.threads = 4;
    wt_context *ctx;
    wt_err err = { 0 };
    struct wt_pool *pool;
    wt_test_ok(wt_context_open(&ctx, &options, &err), &err);
    wt_test_ok(wt_context_pool(ctx, &pool, &err), &err);
    const uint64_t before = wt_context_memory_now(ctx);
    wt_pool_run(pool, 4, churn, ctx);
    assert_true(wt_context_memory_now(ctx) == before);
    assert_true(wt_context_memory_peak(ctx) <= 20000);
    wt_test_context_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_counted),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(pages_are_zeroed_and_huge),
        cmocka_unit_test(large_pages_come_from_the_system),
        cmocka_unit_test(the_callers_allocator_gets_everything),
        cmocka_unit_test(arenas_hold_many_things),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(counting_from_many_threads),
    };
    return wt_test_run("memory", tests, WT_ARRAY_LEN(tests));
}
