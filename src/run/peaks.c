/* peaks.c - see peaks.h. */
#include "run/peaks.h"
#include "base/clock.h"
#include "base/pool.h"

enum { PEAK_BYTES = 256 << 20, WALKS = 6, LANES = 32, MAX_MEMBERS = 256 };

typedef struct walk {
    const uint64_t *data;
    size_t words;
    uint64_t sums[MAX_MEMBERS][16]; /* a cache line each: what was read must be used */
} walk;

static uint64_t sum_words(const uint64_t *p, size_t n)
{
    uint64_t lane[LANES] = { 0 }, sum = 0;
    for (size_t i = 0; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += p[i + l];
    for (size_t l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}

static void member(void *arg, wt_team *team, int tid, int nthreads)
{
    walk *w = arg;
    size_t begin, end;
    (void)team;
    wt_split(w->words, 512, tid, nthreads, &begin, &end);
    w->sums[tid % MAX_MEMBERS][0] += sum_words(w->data + begin, end - begin);
}

static double best_rate(wt_pool *pool, int threads, walk *w)
{
    double best = 0;
    for (int i = 0; i < WALKS; i++) {
        const uint64_t start = wt_now_ns();
        wt_pool_run(pool, threads, member, w);
        const double rate = (double)PEAK_BYTES / (double)(wt_now_ns() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

wt_status wt_measure_peaks(wt_context *ctx, wt_peaks *out, wt_err *err)
{
    wt_pool *pool;
    WT_TRY(wt_budget_check(ctx, PEAK_BYTES, "measuring memory bandwidth", err));
    WT_TRY(wt_context_pool(ctx, &pool, err));
    uint64_t *data = wt_alloc_pages(ctx, PEAK_BYTES, err);
    walk *w = data ? wt_alloc(ctx, 1, sizeof *w, err) : NULL;
    if (!w) {
        wt_free_pages(ctx, data);
        return WT_ENOMEM;
    }
    memset(data, 1, PEAK_BYTES);
    w->data = data;
    w->words = PEAK_BYTES / sizeof *data;
    out->read_gb_per_s_one = best_rate(pool, 1, w);
    out->read_gb_per_s_all = best_rate(pool, wt_pool_threads(pool), w);
    wt_log(ctx, WT_LOG_DEBUG, "read check sum %llu", (unsigned long long)w->sums[0][0]);
    wt_free(ctx, w);
    wt_free_pages(ctx, data);
    return WT_OK;
}
