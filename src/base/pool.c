/* pool.c - the team of threads: hand-off, barrier, parking.
 *
 * Everything waits at a gate: a word on a cache-line pair of its own that one side changes and the other watches.
 * Waiting goes through three stages, because a barrier between two running threads costs 40 ns and one through the
 * kernel 10 us: watch with `pause` for a bounded time, then give up the core with sched_yield, then sleep. Who opens
 * a gate makes the system call only when somebody sleeps there (a wake nobody waits for costs 240 ns); that the two
 * sides cannot miss each other rests on sequentially consistent order of "store word, load sleepers" against
 * "store sleepers, load word".
 * For two members each has a gate of its own and waits at the other's; more share a counter and one gate. */
#include "base/pool.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include "base/clock.h"

enum {
    PAIR = 128, /* bytes: the adjacent-line prefetcher pairs lines of 64 */
    MAX_MEMBERS = 1024,
    LOOKS_PER_CLOCK = 64,      /* a clock read costs as much as a pause */
    SPIN_NS = 50 * 1000,       /* no part of a run is longer than its neighbour's by more */
    PARK_IDLE_NS = 100 * 1000, /* after a run: the next one may follow at once */
    PARK_RUN_NS = 1000 * 1000, /* inside a run sleeping is dear: yield for longer */
    YIELDS_CROWDED = 16        /* more members than cores: let the others run, then sleep */
};

/* One per watcher group. Padded rather than over-aligned: the pool aligns the array itself. */
typedef struct gate {
    atomic_uint word;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    char pad[PAIR -
             (sizeof(atomic_uint) + sizeof(atomic_int) + sizeof(pthread_mutex_t) + sizeof(pthread_cond_t)) % PAIR];
} gate;
_Static_assert(sizeof(gate) % PAIR == 0, "gates must not share a pair of lines");

typedef struct member {
    gate go;      /* the caller opens it: a run begins (or the pool closes) */
    gate done;    /* the member opens it: its part is over */
    gate barrier; /* two members: each opens its own */
    wt_pool *pool;
    pthread_t thread;
    int tid;
    unsigned runs;  /* that this member was called to; the caller's to write */
    unsigned round; /* barriers of two that this member has passed */
    char pad[PAIR - (2 * sizeof(void *) + 4 * sizeof(int)) % PAIR];
} member;

struct wt_team {
    wt_pool *pool;
    int nthreads;
};

struct wt_pool {
    wt_context *ctx;
    void *block;     /* what the members are aligned within */
    member *members; /* [threads]; [0] is whoever calls wt_pool_run */
    int threads, started;
    bool crowded;                /* more members than cores */
    pthread_mutex_t caller_lock; /* one run at a time */
    /* the run; written by the caller before the gates open */
    wt_team_fn *fn;
    void *arg;
    wt_team team;
    bool closing;
    /* barrier of more than two: inside the block, on lines of their own */
    gate *shared;
    atomic_int *arrived;
};

/* --- gates ------------------------------------------------------------------------------------------------ */

static void gate_init(gate *g)
{
    atomic_init(&g->word, 0);
    atomic_init(&g->sleepers, 0);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
}

static void gate_destroy(gate *g)
{
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->wake);
}

static void gate_open(gate *g, unsigned word)
{
    atomic_store(&g->word, word); /* sequentially consistent: see the head of the file */
    if (WT_UNLIKELY(atomic_load(&g->sleepers) > 0)) {
        pthread_mutex_lock(&g->lock);
        pthread_cond_broadcast(&g->wake);
        pthread_mutex_unlock(&g->lock);
    }
}

/* Words count up and may wrap; whoever opens may be one ahead of who watches. */
static bool reached(unsigned now, unsigned word) { return (int)(now - word) >= 0; }

static void gate_sleep(gate *g, unsigned word)
{
    pthread_mutex_lock(&g->lock);
    atomic_fetch_add(&g->sleepers, 1);
    while (!reached(atomic_load(&g->word), word))
        pthread_cond_wait(&g->wake, &g->lock);
    atomic_fetch_sub(&g->sleepers, 1);
    pthread_mutex_unlock(&g->lock);
}

static bool gate_is_open(gate *g, unsigned word)
{
    return reached(atomic_load_explicit(&g->word, memory_order_acquire), word);
}

/* Waits until the gate has reached `word`; sleeps after park_ns. */
static void gate_wait(gate *g, unsigned word, bool crowded, uint64_t park_ns)
{
    if (WT_LIKELY(gate_is_open(g, word)))
        return;
    if (crowded) {
        for (int i = 0; i < YIELDS_CROWDED; i++) {
            sched_yield();
            if (gate_is_open(g, word))
                return;
        }
        gate_sleep(g, word);
        return;
    }
    const uint64_t start = wt_now_ns();
    for (uint64_t waited = 0; waited < park_ns; waited = wt_now_ns() - start) {
        if (waited >= SPIN_NS)
            sched_yield();
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (gate_is_open(g, word))
                return;
            wt_pause();
        }
    }
    gate_sleep(g, word);
}

/* --- barrier ---------------------------------------------------------------------------------------------- */

void wt_team_barrier(wt_team *team, int tid)
{
    wt_pool *pool = team->pool;
    if (team->nthreads == 1)
        return;
    if (team->nthreads == 2) {
        member *own = &pool->members[tid], *other = &pool->members[1 - tid];
        const unsigned round = ++own->round;
        gate_open(&own->barrier, round);
        gate_wait(&other->barrier, round, pool->crowded, PARK_RUN_NS);
        return;
    }
    const unsigned next = atomic_load_explicit(&pool->shared->word, memory_order_relaxed) + 1;
    if (atomic_fetch_add_explicit(pool->arrived, 1, memory_order_acq_rel) + 1 == team->nthreads) {
        atomic_store_explicit(pool->arrived, 0, memory_order_relaxed);
        gate_open(pool->shared, next);
    } else {
        gate_wait(pool->shared, next, pool->crowded, PARK_RUN_NS);
    }
}

/* --- running ---------------------------------------------------------------------------------------------- */

/* Every member computes under the same control word, whatever the program around us has set. */
static void run_part(wt_pool *pool, int tid)
{
    const uint64_t saved = wt_fpu_get();
    wt_fpu_set(WT_FPU_FAST);
    pool->fn(pool->arg, &pool->team, tid, pool->team.nthreads);
    wt_fpu_set(saved);
}

static void *work(void *arg)
{
    member *self = arg;
    wt_pool *pool = self->pool;
    for (unsigned run = 1;; run++) {
        gate_wait(&self->go, run, pool->crowded, PARK_IDLE_NS);
        if (pool->closing)
            return NULL;
        run_part(pool, self->tid);
        gate_open(&self->done, run);
    }
}

/* Called with caller_lock held. */
static void run_team(wt_pool *pool, int threads, wt_team_fn *fn, void *arg)
{
    const int n = threads < 1 ? 1 : threads < pool->threads ? threads : pool->threads;
    pool->fn = fn;
    pool->arg = arg;
    pool->team = (wt_team){ .pool = pool, .nthreads = n };
    for (int i = 1; i < n; i++)
        gate_open(&pool->members[i].go, ++pool->members[i].runs);
    run_part(pool, 0);
    for (int i = 1; i < n; i++)
        gate_wait(&pool->members[i].done, pool->members[i].runs, pool->crowded, PARK_RUN_NS);
}

void wt_pool_run(wt_pool *pool, int threads, wt_team_fn *fn, void *arg)
{
    pthread_mutex_lock(&pool->caller_lock);
    run_team(pool, threads, fn, arg);
    pthread_mutex_unlock(&pool->caller_lock);
}

bool wt_pool_try_run(wt_pool *pool, int threads, wt_team_fn *fn, void *arg)
{
    if (pthread_mutex_trylock(&pool->caller_lock) != 0)
        return false;
    run_team(pool, threads, fn, arg);
    pthread_mutex_unlock(&pool->caller_lock);
    return true;
}

int wt_pool_threads(const wt_pool *pool) { return pool->threads; }

/* --- opening and closing ---------------------------------------------------------------------------------- */

static wt_status start_workers(wt_pool *pool, wt_err *err)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's: its own threads shall get them */
    for (int i = 1; i < pool->threads && !failed; i++) {
        failed = pthread_create(&pool->members[i].thread, NULL, work, &pool->members[i]);
        pool->started += !failed;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        return WT_OK;
    errno = failed;
    wt_fail_errno(err, "cannot start thread %d of %d", pool->started + 2, pool->threads);
    wt_err_hint(err, "use fewer threads, or raise `ulimit -u`");
    if (err)
        err->code = WT_ELIMIT;
    return WT_ELIMIT;
}

wt_status wt_pool_open(wt_pool **out, wt_context *ctx, int threads, wt_err *err)
{
    *out = NULL;
    const int cores = wt_cores_allowed();
    threads = threads ? threads : cores;
    if (threads < 0 || threads > MAX_MEMBERS)
        return wt_fail(err, WT_EUSAGE, "%d threads, expected 1..%d", threads, MAX_MEMBERS);
    wt_pool *pool = wt_alloc(ctx, 1, sizeof *pool, err);
    if (!pool)
        return WT_ENOMEM;
    pool->block = wt_alloc(ctx, (size_t)threads * sizeof(member) + sizeof(gate) + 2 * PAIR, 1, err);
    if (!pool->block) {
        wt_free(ctx, pool);
        return WT_ENOMEM;
    }
    char *aligned = (char *)pool->block + (wt_align_up((uintptr_t)pool->block, PAIR) - (uintptr_t)pool->block);
    pool->ctx = ctx;
    pool->threads = threads;
    pool->started = 0;
    pool->crowded = threads > cores;
    pool->members = (void *)aligned;
    pool->shared = (void *)(aligned + (size_t)threads * sizeof(member));
    pool->arrived = (void *)((char *)pool->shared + sizeof(gate));
    pthread_mutex_init(&pool->caller_lock, NULL);
    gate_init(pool->shared);
    atomic_init(pool->arrived, 0);
    for (int i = 0; i < threads; i++) {
        member *m = &pool->members[i];
        m->pool = pool;
        m->tid = i;
        gate_init(&m->go);
        gate_init(&m->done);
        gate_init(&m->barrier);
    }
    const wt_status st = start_workers(pool, err);
    if (st != WT_OK) {
        wt_pool_close(pool);
        return st;
    }
    *out = pool;
    return WT_OK;
}

void wt_pool_close(wt_pool *pool)
{
    if (!pool)
        return;
    pool->closing = true;
    for (int i = 1; i <= pool->started; i++)
        gate_open(&pool->members[i].go, pool->members[i].runs + 1);
    for (int i = 1; i <= pool->started; i++)
        pthread_join(pool->members[i].thread, NULL);
    for (int i = 0; i < pool->threads; i++) {
        gate_destroy(&pool->members[i].go);
        gate_destroy(&pool->members[i].done);
        gate_destroy(&pool->members[i].barrier);
    }
    gate_destroy(pool->shared);
    pthread_mutex_destroy(&pool->caller_lock);
    wt_free(pool->ctx, pool->block);
    wt_free(pool->ctx, pool);
}
