/* pool.h - a team of threads that computes together.
 *
 * One hand-off per run, not per operation: wt_pool_run wakes the workers once, every member executes fn from
 * start to end, and inside it they meet at wt_team_barrier, which spins (about 40 ns between two running threads;
 * a sleeping barrier costs 10 us, as much as 2 MFLOP). Members spin with a pause for a bounded time, then yield,
 * then park; when there are more members than cores allowed, they never spin.
 * Work is split in static contiguous parts, so that results do not depend on timing and each thread streams its
 * own part of memory. The caller is member 0. */
#ifndef WT_POOL_H
#define WT_POOL_H
#include "base/base.h"
typedef struct wt_pool wt_pool;
typedef struct wt_team wt_team;
typedef void wt_team_fn(void *arg, wt_team *team, int tid, int nthreads);

wt_status wt_pool_open(wt_pool **out, wt_context *ctx, int threads, wt_err *err);
void wt_pool_close(wt_pool *pool);
int wt_pool_threads(const wt_pool *pool);
/* Runs fn on min(threads, pool's) members and returns when all have returned. One caller at a time: others wait, and
 * so fn must not call it on its own pool. Inside, denormals count as zero and rounding is to nearest. */
void wt_pool_run(wt_pool *pool, int threads, wt_team_fn *fn, void *arg);
/* The same, unless the pool is at work: then false at once, and nothing has run. For work that others may wait for
 * while they hold the pool. */
bool wt_pool_try_run(wt_pool *pool, int threads, wt_team_fn *fn, void *arg);
/* All members must call it; orders memory. */
void wt_team_barrier(wt_team *team, int tid);

/* The half-open part [*begin, *end) of n items that belongs to tid, in units of `grain`. */
static inline void wt_split(size_t n, size_t grain, int tid, int nthreads, size_t *begin, size_t *end)
{
    const size_t units = (n + grain - 1) / grain, t = (size_t)tid, k = (size_t)nthreads;
    const size_t b = units * t / k * grain, e = units * (t + 1) / k * grain;
    *begin = b < n ? b : n;
    *end = e < n ? e : n;
}
/* Cores that the affinity mask and the cgroup quota leave to this process (at least 1). */
int wt_cores_allowed(void);
#endif
