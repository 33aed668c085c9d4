/* context_impl.h - what a context holds; for context.c, alloc.c and file.c alone. */
#ifndef WT_CONTEXT_IMPL_H
#define WT_CONTEXT_IMPL_H
#include <pthread.h>
#include "base/base.h"
struct wt_context {
    wt_context_options opt; /* read-only once open, with defaults filled in */
    uint32_t cpu;
    atomic_int cancelled;
    _Atomic uint64_t memory_now, memory_peak;
    pthread_mutex_t pool_lock, progress_lock, maps_lock;
    struct wt_pool *pool;    /* owned; under pool_lock */
    struct wt_mapping *maps; /* all that are open, under maps_lock; for file.c */
};
/* The allocator of the options, or the C library's; bytes is what the block really takes. */
void *wt_block_alloc(const wt_allocator *allocator, size_t bytes, size_t align);
void wt_block_free(const wt_allocator *allocator, void *ptr, size_t bytes);
#endif
