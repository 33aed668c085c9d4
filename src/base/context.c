/* context.c - the context: options checked once, then read-only; counters and the cancel flag are atomics. */
#include <stdio.h>
#include "base/context_impl.h"
#include "base/cpu.h"
#include "base/pool.h"

enum { MAX_THREADS = 1024, MAX_LOG_LINE = 1024 };
/* Options as of 0.1.0 end with `user`; a smaller struct never existed. */
static const size_t options_min = sizeof(wt_context_options);

wt_context_options wt_context_defaults(void) { return (wt_context_options){ .size = sizeof(wt_context_options) }; }

/* A caller built with a later header may pass a longer struct; what we do not know must be zero, that is, unused. */
static wt_status copy_options(wt_context_options *to, const wt_context_options *from, wt_err *err)
{
    *to = wt_context_defaults();
    if (!from)
        return WT_OK;
    if (from->size < options_min)
        return wt_fail(err, WT_EUSAGE, "context options of %zu bytes, expected at least %zu: use wt_context_defaults()",
                       from->size, options_min);
    const unsigned char *bytes = (const unsigned char *)from;
    for (size_t i = sizeof *to; i < from->size; i++)
        if (bytes[i])
            return wt_fail(err, WT_EUSAGE, "context options use a field that libwhet %s does not know", WT_VERSION);
    *to = *from;
    to->size = sizeof *to;
    if (!to->allocator.alloc != !to->allocator.free)
        return wt_fail(err, WT_EUSAGE, "an allocator needs both alloc and free");
    if (to->threads < 0 || to->threads > MAX_THREADS)
        return wt_fail(err, WT_EUSAGE, "%d threads, expected 0..%d (0: one for each core)", to->threads, MAX_THREADS);
    return WT_OK;
}

wt_status wt_context_open(wt_context **out, const wt_context_options *options, wt_err *err)
{
    wt_context_options opt;
    *out = NULL;
    WT_TRY(copy_options(&opt, options, err));
    if (opt.threads == 0) {
        opt.threads = wt_cores_allowed();
        opt.threads = opt.threads < MAX_THREADS ? opt.threads : MAX_THREADS;
    }
    wt_context *ctx = wt_block_alloc(&opt.allocator, sizeof *ctx, 64);
    if (!ctx)
        return wt_fail(err, WT_ENOMEM, "out of memory: cannot allocate %zu bytes for a context", sizeof *ctx);
    memset(ctx, 0, sizeof *ctx);
    ctx->opt = opt;
    ctx->cpu = opt.cpu_mask ? wt_cpu_detect() & opt.cpu_mask : wt_cpu_detect();
    atomic_init(&ctx->cancelled, 0);
    atomic_init(&ctx->memory_now, 0);
    atomic_init(&ctx->memory_peak, 0);
    pthread_mutex_init(&ctx->pool_lock, NULL); /* cannot fail for a default mutex on the systems we know */
    pthread_mutex_init(&ctx->progress_lock, NULL);
    pthread_mutex_init(&ctx->maps_lock, NULL);
    *out = ctx;
    return WT_OK;
}

void wt_context_close(wt_context *ctx)
{
    if (!ctx)
        return;
    wt_pool_close(ctx->pool);
    pthread_mutex_destroy(&ctx->pool_lock);
    pthread_mutex_destroy(&ctx->progress_lock);
    pthread_mutex_destroy(&ctx->maps_lock);
    const wt_allocator allocator = ctx->opt.allocator;
    wt_block_free(&allocator, ctx, sizeof *ctx);
}

void wt_context_cancel(wt_context *ctx) { atomic_store_explicit(&ctx->cancelled, 1, memory_order_relaxed); }

wt_status wt_check_cancel(wt_context *ctx, wt_err *err)
{
    if (WT_LIKELY(!atomic_load_explicit(&ctx->cancelled, memory_order_relaxed)))
        return WT_OK;
    return wt_fail(err, WT_ECANCELLED, "interrupted");
}

int wt_context_threads(const wt_context *ctx) { return ctx->opt.threads; }
uint32_t wt_context_cpu(const wt_context *ctx) { return ctx->cpu; }
uint64_t wt_context_seed(const wt_context *ctx) { return ctx->opt.seed; }

void wt_log(wt_context *ctx, wt_log_level level, const char *fmt, ...)
{
    if (!ctx->opt.log)
        return;
    char line[MAX_LOG_LINE];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n >= 0)
        ctx->opt.log(ctx->opt.user, level, line);
}

void wt_report_progress(wt_context *ctx, const char *task, const char *unit, uint64_t done, uint64_t total)
{
    if (!ctx->opt.progress)
        return;
    const wt_progress progress = { .task = task, .unit = unit, .done = done, .total = total };
    pthread_mutex_lock(&ctx->progress_lock); /* the header promises one thread at a time */
    ctx->opt.progress(ctx->opt.user, &progress);
    pthread_mutex_unlock(&ctx->progress_lock);
}

wt_status wt_context_pool(wt_context *ctx, struct wt_pool **out, wt_err *err)
{
    wt_status st = WT_OK;
    pthread_mutex_lock(&ctx->pool_lock);
    if (!ctx->pool)
        st = wt_pool_open(&ctx->pool, ctx, ctx->opt.threads, err);
    *out = ctx->pool;
    pthread_mutex_unlock(&ctx->pool_lock);
    return st;
}
