/* arena.c - many small things that die together: a list of blocks, the newest first.
 *
 * Blocks double from 4 KiB to 1 MiB, so that a small model costs little and a large one few calls. A request that
 * would waste much of a fresh block gets a block of its own behind the head, which stays open. Under the address
 * sanitizer what was not handed out is poisoned, and so is a gap behind each piece. */
#include <stdio.h>
#include "base/base.h"

enum { ALIGN = 16, HEADER = 64, FIRST = 4096, LARGEST = 1 << 20, GAP = WT_ASAN ? 16 : 0 };

struct wt_arena_block {
    struct wt_arena_block *next;
    size_t capacity; /* of the payload, which starts HEADER bytes behind this struct */
};
_Static_assert(sizeof(struct wt_arena_block) <= HEADER, "the block's header must fit");

static char *payload(struct wt_arena_block *block) { return (char *)block + HEADER; }

void wt_arena_init(wt_arena *arena, wt_context *ctx)
{
    memset(arena, 0, sizeof *arena);
    arena->ctx = ctx;
}

static struct wt_arena_block *new_block(wt_arena *arena, size_t capacity, wt_err *err)
{
    struct wt_arena_block *block = wt_alloc_raw(arena->ctx, capacity + HEADER, 1, err);
    if (!block)
        return NULL;
    block->next = NULL;
    block->capacity = capacity;
    arena->total += capacity + HEADER;
    WT_POISON(payload(block), capacity);
    return block;
}

static void *take(char *at, size_t bytes)
{
    WT_UNPOISON(at, bytes);
    return memset(at, 0, bytes);
}

void *wt_arena_alloc(wt_arena *arena, size_t n, size_t size, wt_err *err)
{
    size_t bytes, step;
    if (wt_mul_overflows(n, size, &bytes) || bytes > PTRDIFF_MAX - LARGEST) {
        wt_fail(err, WT_ENOMEM, "out of memory: %zu elements of %zu bytes are more than an address space", n, size);
        return NULL;
    }
    step = wt_align_up(bytes + GAP, ALIGN);
    if (step <= arena->capacity - arena->used) {
        char *at = payload(arena->head) + arena->used;
        arena->used += step;
        return take(at, bytes);
    }
    size_t capacity = arena->capacity ? arena->capacity * 2 : FIRST;
    capacity = capacity < LARGEST ? capacity : LARGEST;
    if (step > capacity / 4 && arena->head) {
        struct wt_arena_block *own = new_block(arena, step, err);
        if (!own)
            return NULL;
        own->next = arena->head->next;
        arena->head->next = own;
        return take(payload(own), bytes);
    }
    struct wt_arena_block *block = new_block(arena, capacity > step ? capacity : step, err);
    if (!block)
        return NULL;
    block->next = arena->head;
    arena->head = block;
    arena->capacity = block->capacity;
    arena->used = step;
    return take(payload(block), bytes);
}

char *wt_arena_strndup(wt_arena *arena, const char *s, size_t len, wt_err *err)
{
    if (len == SIZE_MAX) {
        wt_fail(err, WT_ENOMEM, "out of memory: a text as long as the address space");
        return NULL;
    }
    char *copy = wt_arena_alloc(arena, len + 1, 1, err);
    if (copy && len)
        memcpy(copy, s, len);
    return copy;
}

char *wt_arena_strdup(wt_arena *arena, const char *s, wt_err *err)
{
    return wt_arena_strndup(arena, s, strlen(s), err);
}

char *wt_arena_printf(wt_arena *arena, wt_err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        wt_fail(err, WT_EINTERNAL, "a text could not be formatted");
        return NULL;
    }
    char *text = wt_arena_alloc(arena, (size_t)n + 1, 1, err);
    if (!text)
        return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

void wt_arena_free(wt_arena *arena)
{
    for (struct wt_arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        WT_UNPOISON(payload(block), block->capacity);
        wt_free(arena->ctx, block);
    }
    wt_arena_init(arena, arena->ctx);
}
