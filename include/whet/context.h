/* whet/context.h - everything a piece of work shares: allocator, memory budget, threads, log, progress, cancel flag.
 *
 * The library has no mutable globals: what would be one is here, and every object is opened with the context
 * that it will use until it is closed. A context may be used from several threads at once; it must outlive
 * every object opened with it. */
#ifndef WHET_CONTEXT_H
#define WHET_CONTEXT_H
#include "whet/status.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct wt_context wt_context;

/* The caller's allocator. alloc returns memory aligned to `align` (a power of two, <= 4096) or NULL;
 * free gets what alloc returned and the same byte count. Both are called from several threads. */
typedef struct wt_allocator {
    void *(*alloc)(void *user, size_t bytes, size_t align);
    void (*free)(void *user, void *ptr, size_t bytes);
    void *user;
} wt_allocator;

typedef enum wt_log_level { WT_LOG_ERROR, WT_LOG_WARN, WT_LOG_INFO, WT_LOG_DEBUG } wt_log_level;
typedef void wt_log_fn(void *user, wt_log_level level, const char *line);

/* done and total in `unit` ("samples", "bytes", ...); total 0 means unknown. Called from one thread at a time. */
typedef struct wt_progress {
    const char *task;
    const char *unit;
    uint64_t done, total;
} wt_progress;
typedef void wt_progress_fn(void *user, const wt_progress *progress);

typedef struct wt_context_options {
    size_t size;              /* sizeof of the struct the caller was built with */
    wt_allocator allocator;   /* all zero: the C library's */
    uint64_t memory_limit;    /* bytes that allocations may hold together; 0: no limit */
    int threads;              /* compute threads; 0: cores of the affinity mask, at most the cgroup's quota */
    uint32_t cpu_mask;        /* WT_CPU_* levels that kernels may use; 0: all the machine has */
    uint64_t seed;            /* every random choice derives from it */
    wt_log_fn *log;           /* NULL: silence */
    wt_progress_fn *progress; /* NULL: silence */
    void *user;               /* passed to log and progress */
} wt_context_options;

WT_API wt_context_options wt_context_defaults(void);
/* On failure *out is NULL. */
WT_API wt_status wt_context_open(wt_context **out, const wt_context_options *options, wt_err *err);
WT_API void wt_context_close(wt_context *ctx); /* NULL is fine */

/* Raises the cancel flag: long work returns WT_ECANCELLED soon. Async-signal-safe. */
WT_API void wt_context_cancel(wt_context *ctx);
WT_API int wt_context_threads(const wt_context *ctx);
/* Bytes allocated now, and the most there were. */
WT_API uint64_t wt_context_memory_now(const wt_context *ctx);
WT_API uint64_t wt_context_memory_peak(const wt_context *ctx);

/* The cpu_mask for "c", "avx2", "avx512", "avx512vnni", ...: that level and all below it; 0 for an unknown name. */
WT_API uint32_t wt_cpu_levels(const char *name);
WT_API const char *wt_version(void); /* "0.1.0" */
#define WT_VERSION "0.1.0"

#ifdef __cplusplus
}
#endif
#endif
