/* base.h - the ground floor: failing, allocating, counting, logging, asking whether to go on.
 * Everything here takes the context; nothing here knows of models. */
#ifndef WT_BASE_H
#define WT_BASE_H
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/compiler.h"
#include "whet/context.h"
#include "whet/status.h"

/* --- failing ------------------------------------------------------------------------------------------- */
/* Fills *err (NULL is fine) and returns code, so that a refusal is one line: return wt_fail(err, WT_EFORMAT, ...). */
wt_status wt_fail(wt_err *err, wt_status code, const char *fmt, ...) WT_PRINTF(3, 4);
wt_status wt_fail_at(wt_err *err, wt_status code, uint64_t offset, const char *fmt, ...) WT_PRINTF(4, 5);
/* WT_EIO (or WT_ENOMEM) with strerror(errno) behind the message. */
wt_status wt_fail_errno(wt_err *err, const char *fmt, ...) WT_PRINTF(2, 3);
/* Adds to a filled error; both keep the code. where is set only if it is still empty. */
void wt_err_where(wt_err *err, const char *fmt, ...) WT_PRINTF(2, 3);
/* Puts the file before the place that the error names already ("net.onnx: node 'add'"), unless it is named there. */
void wt_err_file(wt_err *err, const char *path);
void wt_err_hint(wt_err *err, const char *fmt, ...) WT_PRINTF(2, 3);
#define WT_TRY(call)                                                                                                   \
    do {                                                                                                               \
        const wt_status try_st_ = (call);                                                                              \
        if (try_st_ != WT_OK)                                                                                          \
            return try_st_;                                                                                            \
    } while (0)

/* --- memory: counted, checked for overflow, within the budget, able to fail ------------------------------ */
/* n * size zeroed bytes, aligned to 64; NULL with err filled. n * size == 0 gives a valid pointer. */
void *wt_alloc(wt_context *ctx, size_t n, size_t size, wt_err *err);
/* As wt_alloc, but not zeroed. */
void *wt_alloc_raw(wt_context *ctx, size_t n, size_t size, wt_err *err);
/* Grows (never shrinks) *ptr, an array with room for *cap elements, to hold at least `need`; new bytes are zero. */
wt_status wt_grow(wt_context *ctx, void **ptr, size_t *cap, size_t need, size_t size, wt_err *err);
void wt_free(wt_context *ctx, void *ptr); /* NULL is fine */
/* Large, page-aligned, zeroed memory for weights and activations: on 2 MiB pages where the system gives them. */
void *wt_alloc_pages(wt_context *ctx, size_t bytes, wt_err *err);
void wt_free_pages(wt_context *ctx, void *ptr);
/* Asks the budget first: WT_ENOMEM, with the estimate in the message, when `bytes` more cannot fit. */
wt_status wt_budget_check(wt_context *ctx, uint64_t bytes, const char *what, wt_err *err);
uint64_t wt_budget_left(const wt_context *ctx); /* UINT64_MAX without a limit */

static inline bool wt_mul_overflows(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline bool wt_add_overflows(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }
static inline size_t wt_align_up(size_t n, size_t align) { return (n + align - 1) & ~(align - 1); }

/* An arena: many small things that die together. Not thread-safe. Zero-initialised by wt_arena_init. */
typedef struct wt_arena {
    wt_context *ctx;
    struct wt_arena_block *head;
    size_t used, capacity; /* of the head block */
    size_t total;          /* bytes of all blocks */
} wt_arena;
void wt_arena_init(wt_arena *arena, wt_context *ctx);
void *wt_arena_alloc(wt_arena *arena, size_t n, size_t size, wt_err *err); /* zeroed, aligned to 16 */
char *wt_arena_strndup(wt_arena *arena, const char *s, size_t len, wt_err *err);
char *wt_arena_strdup(wt_arena *arena, const char *s, wt_err *err);
char *wt_arena_printf(wt_arena *arena, wt_err *err, const char *fmt, ...) WT_PRINTF(3, 4);
void wt_arena_free(wt_arena *arena); /* frees all; the arena may be used again */

/* --- the context's services ----------------------------------------------------------------------------- */
void wt_log(wt_context *ctx, wt_log_level level, const char *fmt, ...) WT_PRINTF(3, 4);
void wt_report_progress(wt_context *ctx, const char *task, const char *unit, uint64_t done, uint64_t total);
/* WT_ECANCELLED once the flag is raised; every long loop asks. */
wt_status wt_check_cancel(wt_context *ctx, wt_err *err);
uint32_t wt_context_cpu(const wt_context *ctx); /* WT_CPU_* flags that kernels may use */
uint64_t wt_context_seed(const wt_context *ctx);
struct wt_pool;
/* The context's thread pool, made on first use. */
wt_status wt_context_pool(wt_context *ctx, struct wt_pool **out, wt_err *err);
#endif
