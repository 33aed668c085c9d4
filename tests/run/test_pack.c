/* test_pack.c - the cache of packed weights: once per key, for any number of threads, also where packing fails. */
#include "run/pack.h"
#include "support/test.h"
#include <pthread.h>
#if WT_X86
#include "run/kernels/x86/blocks.h"
#endif

typedef struct packer {
    atomic_int calls;
    bool fail;
    uint8_t fill;
} packer;

static wt_status pack(void *arg, void *packed, wt_err *err)
{
    packer *p = arg;
    atomic_fetch_add(&p->calls, 1);
    if (p->fail)
        return wt_fail(err, WT_EFORMAT, "refused to pack");
    assert_int_equal(*(uint8_t *)packed, 0);
    memset(packed, p->fill, 100);
    return WT_OK;
}

static void packs_once(void **state)
{
    static const float weights[4], other[4];
    wt_context *ctx = wt_test_context();
    wt_pack_cache *cache;
    wt_err err = { .offset = WT_NO_OFFSET };
    packer p = { .fill = 7 };
    const void *a, *b;
    (void)state;
    wt_test_ok(wt_pack_open(&cache, ctx, &err), &err);
    const wt_pack_key key = { .data = weights, .kind = "test", .dims = { 1, 2 } };
    wt_test_ok(wt_pack_get(cache, &key, 100, pack, &p, &a, &err), &err);
    wt_test_ok(wt_pack_get(cache, &key, 100, pack, &p, &b, &err), &err);
    assert_ptr_equal(a, b);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_int_equal(atomic_load(&p.calls), 1);
    const wt_pack_key keys[] = { { .data = other, .kind = "test", .dims = { 1, 2 } },
                                 { .data = weights, .kind = "more", .dims = { 1, 2 } },
                                 { .data = weights, .kind = "test", .dims = { 1, 3 } },
                                 { .data = weights, .data2 = other, .kind = "test", .dims = { 1, 2 } } };
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++) {
        wt_test_ok(wt_pack_get(cache, &keys[i], 100, pack, &p, &b, &err), &err);
        assert_ptr_not_equal(a, b);
    }
    assert_int_equal(atomic_load(&p.calls), 5);
    assert_int_equal(wt_pack_bytes(cache), 500);
    wt_pack_close(cache);
    wt_pack_close(NULL);
    wt_test_context_close(ctx);
}

static void a_failure_is_forgotten(void **state)
{
    static const float weights[4];
    wt_context *ctx = wt_test_context();
    wt_pack_cache *cache;
    wt_err err = { .offset = WT_NO_OFFSET };
    packer p = { .fail = true };
    const void *a = &p;
    (void)state;
    wt_test_ok(wt_pack_open(&cache, ctx, &err), &err);
    const wt_pack_key key = { .data = weights, .kind = "test" };
    wt_test_refused(wt_pack_get(cache, &key, 100, pack, &p, &a, &err), WT_EFORMAT, &err, "refused to pack");
    assert_null(a);
    assert_int_equal(wt_pack_bytes(cache), 0);
    p.fail = false;
    wt_test_ok(wt_pack_get(cache, &key, 100, pack, &p, &a, &err), &err);
    wt_pack_close(cache);
    wt_test_context_close(ctx);
}

static void copies_keep_the_name_of_the_original(void **state)
{
    static const uint8_t file[64] = { 0, 1, 2, 3, 4, 5 };
    wt_context *ctx = wt_test_context();
    wt_pack_cache *cache;
    wt_err err = { .offset = WT_NO_OFFSET };
    packer p = { .fill = 1 };
    const void *first, *second, *a, *b;
    (void)state;
    wt_test_ok(wt_pack_open(&cache, ctx, &err), &err);
    wt_test_ok(wt_pack_aligned(cache, file + 1, 16, &first, &err), &err);
    wt_test_ok(wt_pack_aligned(cache, file + 1, 16, &second, &err), &err);
    assert_ptr_equal(first, second);
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_memory_equal(first, file + 1, 16);
    wt_pack_key key = { .data = first, .kind = "test" };
    wt_test_ok(wt_pack_get(cache, &key, 100, pack, &p, &a, &err), &err);
    wt_pack_aligned_done(cache, file + 1, false);
    wt_pack_aligned_done(cache, file + 1, false); /* the last: the copy goes */
    assert_int_equal(wt_pack_bytes(cache), 100);
    wt_test_ok(wt_pack_aligned(cache, file + 1, 16, &second, &err), &err);
    key.data = second;
    wt_test_ok(wt_pack_get(cache, &key, 100, pack, &p, &b, &err), &err);
    assert_ptr_equal(a, b);
    assert_int_equal(atomic_load(&p.calls), 1);
    wt_pack_aligned_done(cache, file + 1, true); /* kept until the end */
    assert_int_equal(wt_pack_bytes(cache), 116);
    wt_pack_close(cache);
    wt_test_context_close(ctx);
}

static void transient_caches_trust_constants_alone(void **state)
{
    static const float constant[4];
    const void *constants[] = { constant };
    float activation[4] = { 0 };
    wt_context *ctx = wt_test_context();
    wt_pack_cache *plan, *now;
    wt_arena arena;
    wt_err err = { .offset = WT_NO_OFFSET };
    packer p = { .fill = 1 };
    const void *a, *b;
    (void)state;
    wt_arena_init(&arena, ctx);
    wt_test_ok(wt_pack_open(&plan, ctx, &err), &err);
    wt_test_ok(wt_pack_transient(&now, plan, &arena, constants, 1, &err), &err);
    wt_pack_key key = { .data = constant, .kind = "test" };
    wt_test_ok(wt_pack_get(now, &key, 100, pack, &p, &a, &err), &err);
    wt_test_ok(wt_pack_get(plan, &key, 100, pack, &p, &b, &err), &err);
    assert_ptr_equal(a, b);
    key.data = activation;
    wt_test_ok(wt_pack_get(now, &key, 100, pack, &p, &a, &err), &err);
    wt_test_ok(wt_pack_get(now, &key, 100, pack, &p, &b, &err), &err);
    assert_ptr_not_equal(a, b);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_int_equal(wt_pack_bytes(plan), 100);
    wt_arena_free(&arena);
    wt_pack_close(plan);
    wt_test_context_close(ctx);
}

/* --- several threads
 * --------------------------------------------------------------------------------------------------- */
enum { THREADS = 4, KEYS = 64 };
typedef struct crowd {
    wt_pack_cache *cache;
    packer packers[KEYS];
    float weights[KEYS];
    const void *seen[THREADS][KEYS];
    atomic_int next;
} crowd;

static void *one_of_many(void *arg)
{
    crowd *c = arg;
    const int me = atomic_fetch_add(&c->next, 1);
    for (int i = 0; i < KEYS; i++) {
        wt_err err = { .offset = WT_NO_OFFSET };
        const int k = (i * 7 + me) % KEYS;
        const wt_pack_key key = { .data = &c->weights[k], .kind = "test" };
        wt_pack_get(c->cache, &key, 100, pack, &c->packers[k], &c->seen[me][k], &err);
    }
    return NULL;
}

static void threads_share(void **state)
{
    static crowd c;
    wt_context *ctx = wt_test_context();
    wt_err err = { .offset = WT_NO_OFFSET };
    pthread_t threads[THREADS];
    (void)state;
    memset(&c, 0, sizeof c);
    wt_test_ok(wt_pack_open(&c.cache, ctx, &err), &err);
    for (int i = 0; i < KEYS; i++)
        c.packers[i].fail = i % 16 == 5;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int k = 0; k < KEYS; k++)
        for (int i = 0; i < THREADS; i++)
            if (c.packers[k].fail) {
                assert_null(c.seen[i][k]);
            } else {
                assert_int_equal(atomic_load(&c.packers[k].calls), 1);
                assert_ptr_equal(c.seen[i][k], c.seen[0][k]);
            }
    wt_pack_close(c.cache);
    wt_test_context_close(ctx);
}

#if WT_X86
enum { ROWS = 512, COLUMNS = 1024 }; /* enough that packing is shared by the threads */
typedef struct taken {
    wt_prep prep;
    wt_block_weights weights;
    const void *packed;
    wt_status status;
} taken;

static void *pack_blocks(void *arg)
{
    taken *t = arg;
    t->status = wt_block_weights_pack(&t->weights, &t->prep, &t->packed, NULL);
    return NULL;
}

/* Member 0 holds the pool until another thread has packed, as a run does that needs what another one is packing. */
static void wait_for_packing(void *arg, wt_team *team, int tid, int nthreads)
{
    pthread_t other;
    (void)team, (void)nthreads;
    if (tid == 0 && pthread_create(&other, NULL, pack_blocks, arg) == 0)
        pthread_join(other, NULL);
}

static void packing_needs_no_pool(void **state)
{
    (void)state;
    wt_context *ctx;
    wt_context_options o = wt_context_defaults();
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_pool *pool;
    const void *packed[2];
    o.threads = 2;
    wt_test_ok(wt_context_open(&ctx, &o, &err), &err);
    wt_tensor t = { .dtype = WT_Q8_0, .shape = wt_shape_make(2, (int64_t[]){ ROWS, COLUMNS }) };
    assert_true(wt_tensor_size(&t, &t.bytes));
    uint8_t *data = wt_alloc(ctx, t.bytes, 1, &err);
    assert_non_null(data);
    for (size_t i = 0; i < t.bytes; i++)
        data[i] = i % 34 == 1 ? 0x3c : i % 34 ? (uint8_t)(i * 7) : 0; /* the scale of each block: 1 */
    t.data = data;
    taken work = { .status = WT_EINTERNAL };
    assert_true(wt_block_weights_layout(&work.weights, &t));
    const bool runs = wt_context_cpu(ctx) & WT_CPU_AVX2;
    wt_test_ok(wt_context_pool(ctx, &pool, &err), &err);
    for (int busy = 0; busy < 2 && runs; busy++) {
        wt_pack_cache *cache;
        wt_test_ok(wt_pack_open(&cache, ctx, &err), &err);
        work.prep = (wt_prep){ .ctx = ctx, .threads = 2, .packs = cache };
        if (busy)
            wt_pool_run(pool, 2, wait_for_packing, &work);
        else
            pack_blocks(&work);
        wt_test_ok(work.status, &err);
        packed[busy] = memcpy(wt_alloc(ctx, work.weights.bytes, 1, NULL), work.packed, work.weights.bytes);
        wt_pack_close(cache);
        work.status = WT_EINTERNAL;
    }
    if (runs)
        assert_memory_equal(packed[0], packed[1], work.weights.bytes);
    for (int busy = 0; busy < 2 && runs; busy++)
        wt_free(ctx, (void *)(uintptr_t)packed[busy]);
    wt_free(ctx, data);
    wt_context_close(ctx);
    if (!runs)
        skip();
}
#endif

static wt_status open_and_pack(wt_context *ctx, void *arg, wt_err *err)
{
    static const uint8_t file[64] = { 0 };
    wt_pack_cache *cache;
    packer p = { .fill = 1 };
    const void *copy, *packed;
    (void)arg;
    WT_TRY(wt_pack_open(&cache, ctx, err));
    wt_status st = wt_pack_aligned(cache, file + 1, 16, &copy, err);
    if (st == WT_OK) {
        const wt_pack_key key = { .data = copy, .kind = "test" };
        st = wt_pack_get(cache, &key, 100, pack, &p, &packed, err);
    }
    wt_pack_close(cache);
    return st;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(open_and_pack, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_once),
        cmocka_unit_test(a_failure_is_forgotten),
        cmocka_unit_test(copies_keep_the_name_of_the_original),
        cmocka_unit_test(transient_caches_trust_constants_alone),
        cmocka_unit_test(threads_share),
#if WT_X86
        cmocka_unit_test(packing_needs_no_pool),
#endif
        cmocka_unit_test(every_allocation_may_fail),
    };
    return wt_test_run("packed weights", tests, WT_ARRAY_LEN(tests));
}
