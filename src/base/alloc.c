/* alloc.c - memory that is counted, checked for overflow, kept within the budget, and able to fail.
 *
 * Each block is preceded by a header with its size, because the caller's free() gets the byte count and because the
 * count must go down by what it went up. Blocks: 64 bytes of header, then the payload on a cache line of its own.
 * Pages: one 4 KiB page of header, then the payload; from 2 MiB on they are mapped, aligned to 2 MiB and marked for
 * huge pages (first touch is then 4.7 times cheaper, and streaming weights 10-30 % faster). The address sanitizer
 * cannot see into a mapping, so under it pages are ordinary blocks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "base/context_impl.h"
#include "base/str.h"

enum { LINE = 64, PAGE = 4096, HUGE_PAGE = 2 << 20 };
static const uint64_t live = 0x6576696c5f746577u; /* "wet_live": a cleared mark means freed twice, or not ours */

typedef struct block_header {
    uint64_t mark;
    size_t bytes; /* with the header: what is counted and given back */
    void *map;    /* not NULL: unmap [map, map + bytes) */
} block_header;
_Static_assert(sizeof(block_header) <= LINE, "the header must fit before a cache line");

void *wt_block_alloc(const wt_allocator *allocator, size_t bytes, size_t align)
{
    if (allocator->alloc)
        return allocator->alloc(allocator->user, bytes, align);
    void *ptr = NULL;
    return posix_memalign(&ptr, align, bytes) == 0 ? ptr : NULL; /* exact size: sanitizers see one byte too many */
}

void wt_block_free(const wt_allocator *allocator, void *ptr, size_t bytes)
{
    if (allocator->free)
        allocator->free(allocator->user, ptr, bytes);
    else
        free(ptr);
}

/* --- the budget ------------------------------------------------------------------------------------------- */

/* Takes `bytes` from the budget, or answers false and takes nothing. */
static bool budget_take(wt_context *ctx, uint64_t bytes)
{
    const uint64_t limit = ctx->opt.memory_limit ? ctx->opt.memory_limit : UINT64_MAX;
    uint64_t now = atomic_load_explicit(&ctx->memory_now, memory_order_relaxed);
    do {
        if (now > limit || bytes > limit - now)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&ctx->memory_now, &now, now + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    uint64_t peak = atomic_load_explicit(&ctx->memory_peak, memory_order_relaxed);
    while (peak < now + bytes && !atomic_compare_exchange_weak_explicit(&ctx->memory_peak, &peak, now + bytes,
                                                                        memory_order_relaxed, memory_order_relaxed)) {}
    return true;
}

static void budget_give(wt_context *ctx, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&ctx->memory_now, bytes, memory_order_relaxed);
}

uint64_t wt_context_memory_now(const wt_context *ctx)
{
    return atomic_load_explicit(&ctx->memory_now, memory_order_relaxed);
}

uint64_t wt_context_memory_peak(const wt_context *ctx)
{
    return atomic_load_explicit(&ctx->memory_peak, memory_order_relaxed);
}

uint64_t wt_budget_left(const wt_context *ctx)
{
    const uint64_t limit = ctx->opt.memory_limit, now = wt_context_memory_now(ctx);
    if (limit == 0)
        return UINT64_MAX;
    return limit > now ? limit - now : 0;
}

wt_status wt_budget_check(wt_context *ctx, uint64_t bytes, const char *what, wt_err *err)
{
    const uint64_t left = wt_budget_left(ctx);
    if (bytes <= left)
        return WT_OK;
    char need[32], have[32], limit[32];
    wt_fail(err, WT_ENOMEM, "%s needs about %s, and %s of the memory limit of %s are left", what,
            wt_human_bytes(bytes, need, sizeof need), wt_human_bytes(left, have, sizeof have),
            wt_human_bytes(ctx->opt.memory_limit, limit, sizeof limit));
    wt_err_hint(err, "raise the memory limit to at least %s",
                wt_human_bytes(bytes + (ctx->opt.memory_limit - left), need, sizeof need));
    return WT_ENOMEM;
}

static void *no_memory(wt_context *ctx, size_t bytes, bool budget, wt_err *err)
{
    char need[32], now[32], limit[32];
    wt_human_bytes(bytes, need, sizeof need);
    wt_human_bytes(wt_context_memory_now(ctx), now, sizeof now);
    if (budget) {
        wt_fail(err, WT_ENOMEM, "out of memory: %s more do not fit in the limit of %s (%s in use)", need,
                wt_human_bytes(ctx->opt.memory_limit, limit, sizeof limit), now);
        wt_err_hint(err, "raise the memory limit, or use fewer threads or a smaller input");
    } else {
        wt_fail(err, WT_ENOMEM, "out of memory: the system refused %s (%s in use)", need, now);
        wt_err_hint(err, "close other programs or use a smaller input");
    }
    return NULL;
}

/* --- blocks ----------------------------------------------------------------------------------------------- */

/* A counted block with `head` bytes before the payload; the header sits right before it. */
static void *take_block(wt_context *ctx, size_t bytes, size_t head, wt_err *err)
{
    size_t total;
    if (wt_add_overflows(bytes, head, &total) || total > PTRDIFF_MAX)
        return no_memory(ctx, bytes, false, err);
    if (!budget_take(ctx, total))
        return no_memory(ctx, bytes, true, err);
    char *base = wt_block_alloc(&ctx->opt.allocator, total, head);
    if (!base) {
        budget_give(ctx, total);
        return no_memory(ctx, bytes, false, err);
    }
    block_header *h = (void *)(base + head - LINE);
    *h = (block_header){ .mark = live, .bytes = total };
    return base + head;
}

static block_header *header_of(void *ptr) { return (void *)((char *)ptr - LINE); }

static void give_block(wt_context *ctx, void *ptr, size_t head)
{
    block_header *h = header_of(ptr);
    const block_header copy = *h;
    if (copy.mark != live) {
        wt_log(ctx, WT_LOG_ERROR, "defect: %p freed twice or never allocated", ptr);
        return;
    }
    h->mark = 0;
    if (copy.map)
        munmap(copy.map, copy.bytes);
    else
        wt_block_free(&ctx->opt.allocator, (char *)ptr - head, copy.bytes);
    budget_give(ctx, copy.bytes);
}

void *wt_alloc_raw(wt_context *ctx, size_t n, size_t size, wt_err *err)
{
    size_t bytes;
    if (wt_mul_overflows(n, size, &bytes)) {
        wt_fail(err, WT_ENOMEM, "out of memory: %zu elements of %zu bytes are more than an address space", n, size);
        return NULL;
    }
    return take_block(ctx, bytes, LINE, err);
}

void *wt_alloc(wt_context *ctx, size_t n, size_t size, wt_err *err)
{
    void *ptr = wt_alloc_raw(ctx, n, size, err);
    if (ptr)
        memset(ptr, 0, n * size);
    return ptr;
}

void wt_free(wt_context *ctx, void *ptr)
{
    if (ptr)
        give_block(ctx, ptr, LINE);
}

wt_status wt_grow(wt_context *ctx, void **ptr, size_t *cap, size_t need, size_t size, wt_err *err)
{
    if (need <= *cap)
        return WT_OK;
    size_t room = *cap < SIZE_MAX / 2 ? *cap * 2 : need; /* doubling: appending n elements costs O(n) */
    room = room < need ? need : room;
    room = room < 8 ? 8 : room;
    void *grown = wt_alloc_raw(ctx, room, size, err);
    if (!grown)
        return WT_ENOMEM;
    const size_t old = *cap * size;
    if (old)
        memcpy(grown, *ptr, old);
    memset((char *)grown + old, 0, room * size - old);
    wt_free(ctx, *ptr);
    *ptr = grown;
    *cap = room;
    return WT_OK;
}

/* --- pages ------------------------------------------------------------------------------------------------ */

/* Maps bytes behind a header page so that the payload starts on a 2 MiB boundary; what sticks out is given back. */
static void *map_pages(size_t bytes)
{
    const size_t keep = PAGE + wt_align_up(bytes, PAGE), reserve = keep + HUGE_PAGE;
    char *base = mmap(NULL, reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    char *payload = base + (wt_align_up((uintptr_t)base + PAGE, HUGE_PAGE) - (uintptr_t)base);
    char *start = payload - PAGE, *end = start + keep;
    if (start > base)
        munmap(base, (size_t)(start - base));
    if (base + reserve > end)
        munmap(end, (size_t)(base + reserve - end));
#ifdef MADV_HUGEPAGE
    madvise(payload, keep - PAGE, MADV_HUGEPAGE); /* advice: a kernel without huge pages is fine too */
#endif
    *header_of(payload) = (block_header){ .mark = live, .bytes = keep, .map = start };
    return payload;
}

void *wt_alloc_pages(wt_context *ctx, size_t bytes, wt_err *err)
{
    if (bytes > PTRDIFF_MAX / 2)
        return no_memory(ctx, bytes, false, err);
    if (bytes < HUGE_PAGE || ctx->opt.allocator.alloc || WT_ASAN) {
        void *ptr = take_block(ctx, bytes, PAGE, err);
        if (ptr)
            memset(ptr, 0, bytes);
        return ptr;
    }
    const size_t keep = PAGE + wt_align_up(bytes, PAGE);
    if (!budget_take(ctx, keep))
        return no_memory(ctx, bytes, true, err);
    void *ptr = map_pages(bytes);
    if (!ptr) {
        budget_give(ctx, keep);
        return no_memory(ctx, bytes, false, err);
    }
    return ptr;
}

void wt_free_pages(wt_context *ctx, void *ptr)
{
    if (ptr)
        give_block(ctx, ptr, PAGE);
}
