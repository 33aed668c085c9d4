/* peaks.c - see peaks.h. */
#include "run/peaks.h"
#include "base/clock.h"
#include "base/pool.h"
#include "run/kernels/peak.h"

enum { PEAK_BYTES = 256 << 20, WALKS = 6, LANES = 32, MAX_MEMBERS = 256 };

/* --- reading
 * ---------------------------------------------------------------------------------------------------------------- */
typedef struct walk {
    const uint64_t *data;
    size_t words;
    struct {
        uint64_t sum; /* what was read must be used */
        uint64_t bytes, ns;
        uint64_t line[5];
    } members[MAX_MEMBERS];
} walk;

/* More threads than cores would have their processor time one after the other. */
static int members(const wt_pool *pool)
{
    const int threads = wt_pool_threads(pool), cores = wt_cores_allowed(), n = threads < cores ? threads : cores;
    return n < MAX_MEMBERS ? n : MAX_MEMBERS;
}

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
    const uint64_t start = wt_thread_ns();
    w->members[tid % MAX_MEMBERS].sum += sum_words(w->data + begin, end - begin);
    w->members[tid % MAX_MEMBERS].ns = wt_thread_ns() - start;
    w->members[tid % MAX_MEMBERS].bytes = (end - begin) * sizeof *w->data;
}

static double best_rate(wt_pool *pool, int threads, walk *w)
{
    double best = 0;
    for (int i = 0; i < WALKS; i++) {
        double rate = 0;
        wt_pool_run(pool, threads, member, w);
        for (int m = 0; m < threads; m++)
            rate += w->members[m].ns ? (double)w->members[m].bytes / (double)w->members[m].ns : 0;
        best = rate > best ? rate : best;
    }
    return best;
}

static wt_status measure_reading(wt_context *ctx, wt_pool *pool, wt_peaks *out, wt_err *err)
{
    WT_TRY(wt_budget_check(ctx, PEAK_BYTES, "measuring memory bandwidth", err));
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
    out->read_gb_per_s_all = best_rate(pool, members(pool), w);
    wt_log(ctx, WT_LOG_DEBUG, "read check sum %llu", (unsigned long long)w->members[0].sum);
    wt_free(ctx, w);
    wt_free_pages(ctx, data);
    return WT_OK;
}

/* --- arithmetic
 * ------------------------------------------------------------------------------------------------------------- */
enum { SPRINTS = 16, SPRINT_NS = 1000000 };

typedef struct sprint {
    const wt_peak_row *row;
    size_t rounds;
    struct {
        double products; /* what was computed must be used */
        uint64_t ns;     /* of the last run */
        uint64_t line[6];
    } members[MAX_MEMBERS];
} sprint;

/* Each member is timed by the clock of its own thread, which stands still while others have the core. */
static void compute(void *arg, wt_team *team, int tid, int nthreads)
{
    sprint *s = arg;
    (void)team;
    (void)nthreads;
    const uint64_t start = wt_thread_ns();
    s->members[tid % MAX_MEMBERS].products += s->row->run(s->rounds);
    s->members[tid % MAX_MEMBERS].ns = wt_thread_ns() - start;
}

/* Products in a nanosecond, of all members together; 0 when a run was shorter than `least_ns`. */
static double sprint_once(wt_pool *pool, int threads, sprint *s, uint64_t least_ns)
{
    double rate = 0;
    wt_pool_run(pool, threads, compute, s);
    for (int i = 0; i < threads; i++) {
        if (s->members[i].ns < least_ns)
            return 0;
        rate += s->row->products * (double)s->rounds / (double)s->members[i].ns;
    }
    return rate;
}

/* The first runs, doubled until they are long enough to be timed, also bring the clock up. */
static double best_speed(wt_pool *pool, int n, sprint *s)
{
    double best = 0;
    for (s->rounds = 1024; s->rounds < SIZE_MAX / 2 && sprint_once(pool, n, s, SPRINT_NS) <= 0; s->rounds *= 2)
        ;
    for (int i = 0; i < SPRINTS; i++) {
        const double rate = sprint_once(pool, n, s, 1);
        best = rate > best ? rate : best;
    }
    return 2 * best;
}

static wt_peak best_row(wt_context *ctx, wt_pool *pool, const wt_peak_row *rows, sprint *s)
{
    const uint32_t cpu = wt_context_cpu(ctx);
    const wt_peak_row *fastest = NULL;
    wt_peak peak = { 0 };
    for (s->row = rows; s->row->isa; s->row++) {
        const double speed = s->row->need & ~cpu ? 0 : best_speed(pool, 1, s);
        if (speed <= peak.one)
            continue;
        peak.one = speed;
        fastest = s->row;
    }
    if (!fastest)
        return peak;
    s->row = fastest;
    peak.isa = fastest->isa;
    peak.all = members(pool) > 1 ? best_speed(pool, members(pool), s) : peak.one;
    return peak;
}

static wt_status measure_arithmetic(wt_context *ctx, wt_pool *pool, wt_peaks *out, wt_err *err)
{
    sprint *s = wt_alloc(ctx, 1, sizeof *s, err);
    if (!s)
        return WT_ENOMEM;
    out->fp32 = best_row(ctx, pool, wt_peak_f32_rows, s);
    out->int8 = best_row(ctx, pool, wt_peak_i8_rows, s);
    out->bf16 = best_row(ctx, pool, wt_peak_bf16_rows, s);
    wt_log(ctx, WT_LOG_DEBUG, "products of the first core: %g", s->members[0].products);
    wt_free(ctx, s);
    return WT_OK;
}

wt_status wt_measure_peaks(wt_context *ctx, wt_peaks *out, wt_err *err)
{
    wt_pool *pool;
    *out = (wt_peaks){ 0 };
    WT_TRY(wt_context_pool(ctx, &pool, err));
    WT_TRY(measure_reading(ctx, pool, out, err));
    return measure_arithmetic(ctx, pool, out, err);
}
