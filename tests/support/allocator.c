/* allocator.c - an allocator that counts, checks what it is told when freeing, and fails when asked to. */
#include <stdlib.h>
#include "support/test.h"

/* Right before the block; the block starts `align` bytes behind what malloc gave. */
typedef struct tag {
    size_t bytes, align, mark;
} tag;
enum { MARK = 0x7a67 };

void wt_test_allocator_init(wt_test_allocator *a, long fail_at)
{
    atomic_init(&a->calls, 0);
    atomic_init(&a->fail_at, fail_at);
    atomic_init(&a->blocks, 0);
    atomic_init(&a->bytes, 0);
    atomic_init(&a->mistakes, 0);
}

static void *take(void *user, size_t bytes, size_t align)
{
    wt_test_allocator *a = user;
    if (atomic_fetch_add(&a->calls, 1) == atomic_load(&a->fail_at))
        return NULL;
    const size_t gap = align < sizeof(tag) + 8 ? 64 : align;
    void *base = NULL;
    if (posix_memalign(&base, gap, gap + bytes) != 0)
        return NULL;
    char *block = (char *)base + gap;
    const tag t = { bytes, gap, MARK };
    memcpy(block - sizeof t, &t, sizeof t);
    memset(block, 0xa5, bytes); /* who relies on zeros that were not promised shall see it */
    atomic_fetch_add(&a->blocks, 1);
    atomic_fetch_add(&a->bytes, (long)bytes);
    return block;
}

static void give(void *user, void *ptr, size_t bytes)
{
    wt_test_allocator *a = user;
    tag t;
    memcpy(&t, (char *)ptr - sizeof t, sizeof t);
    if (t.mark != MARK || t.bytes != bytes) {
        atomic_fetch_add(&a->mistakes, 1);
        return;
    }
    memset(ptr, 0x5a, bytes);
    memset((char *)ptr - sizeof t, 0, sizeof t);
    atomic_fetch_sub(&a->blocks, 1);
    atomic_fetch_sub(&a->bytes, (long)bytes);
    free((char *)ptr - t.align);
}

wt_allocator wt_test_allocator_of(wt_test_allocator *a)
{
    return (wt_allocator){ .alloc = take, .free = give, .user = a };
}

long wt_test_fail_each_alloc(wt_test_alloc_fn *fn, void *arg)
{
    enum { MOST = 1000000 };
    for (long k = 0; k < MOST; k++) {
        wt_test_allocator a;
        wt_test_allocator_init(&a, k);
        wt_context_options options = wt_context_defaults();
        options.allocator = wt_test_allocator_of(&a);
        options.threads = 2;
        wt_err err = { 0 };
        wt_context *ctx;
        wt_status st = wt_context_open(&ctx, &options, &err);
        if (st == WT_OK)
            st = fn(ctx, arg, &err);
        wt_context_close(ctx);
        if (st != WT_OK && (st != WT_ENOMEM || err.code != WT_ENOMEM || !err.message[0]))
            fail_msg("allocation %ld fails: answered %s, \"%s\"", k, wt_status_name(st), err.message);
        if (atomic_load(&a.blocks) || atomic_load(&a.mistakes))
            fail_msg("allocation %ld fails: %ld blocks left, %ld freed wrongly", k, atomic_load(&a.blocks),
                     atomic_load(&a.mistakes));
        if (atomic_load(&a.calls) <= k) {
            if (st != WT_OK)
                fail_msg("no allocation failed, and yet: %s", err.message);
            return atomic_load(&a.calls);
        }
        if (st == WT_OK)
            continue; /* it could do without, such as with a smaller buffer: fine */
    }
    fail_msg("still not done after %d allocations", MOST);
    return 0;
}
