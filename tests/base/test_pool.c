/* The pool: every member runs once, barriers order memory, callers queue up, parked members wake, denormals are off
 * inside and the caller's floating-point settings are back afterwards. Run under the thread sanitizer too. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include "base/clock.h"
#include "base/cores_impl.h"
#include "base/file.h"
#include "base/pool.h"
#include "support/test.h"

enum { MOST = 8 };

typedef struct seen {
    atomic_int runs[MOST];
    atomic_int wrong;
    int expected;
} seen;

static void see(void *arg, wt_team *team, int tid, int nthreads)
{
    seen *s = arg;
    (void)team;
    if (nthreads != s->expected || tid < 0 || tid >= nthreads)
        atomic_fetch_add(&s->wrong, 1);
    else
        atomic_fetch_add(&s->runs[tid], 1);
}

static void pause_ms(long ms)
{
    const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

static wt_pool *open_pool(wt_context *ctx, int threads)
{
    wt_pool *pool;
    wt_err err = { 0 };
    wt_test_ok(wt_pool_open(&pool, ctx, threads, &err), &err);
    return pool;
}

static void every_member_runs_once(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int threads = 1; threads <= MOST; threads++) {
        wt_pool *pool = open_pool(ctx, threads);
        assert_int_equal(wt_pool_threads(pool), threads);
        for (int asked = 0; asked <= MOST + 1; asked++) {
            seen s = { .expected = asked < 1 ? 1 : asked < threads ? asked : threads };
            wt_pool_run(pool, asked, see, &s);
            assert_int_equal(atomic_load(&s.wrong), 0);
            for (int i = 0; i < MOST; i++)
                assert_int_equal(atomic_load(&s.runs[i]), i < s.expected);
        }
        wt_pool_close(pool);
    }
    wt_pool_close(NULL);
    wt_test_context_close(ctx);
}

static void unused_pools_close(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int i = 0; i < 20; i++)
        wt_pool_close(open_pool(ctx, 1 + i % MOST));
    wt_test_context_close(ctx);
}

static void wrong_counts_are_refused(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_pool *pool = (void *)ctx;
    wt_err err = { 0 };
    wt_test_refused(wt_pool_open(&pool, ctx, -1, &err), WT_EUSAGE, &err, "threads");
    assert_null(pool);
    wt_test_refused(wt_pool_open(&pool, ctx, 1 << 20, &err), WT_EUSAGE, &err, "threads");
    pool = open_pool(ctx, 0);
    assert_int_equal(wt_pool_threads(pool), wt_cores_allowed());
    wt_pool_close(pool);
    wt_test_context_close(ctx);
}

/* Plain variables, on purpose: only the barrier orders them, and the thread sanitizer watches. */
typedef struct relay {
    int rounds;
    struct {
        uint64_t value;
        char pad[120];
    } slot[2][MOST];
    atomic_int wrong;
} relay;

/* Each round every member writes its slot and, behind the barrier, adds up all of them. */
static void relay_round(void *arg, wt_team *team, int tid, int nthreads)
{
    relay *r = arg;
    for (int round = 0; round < r->rounds; round++) {
        r->slot[round & 1][tid].value = (uint64_t)round * 100 + (uint64_t)tid;
        wt_team_barrier(team, tid);
        uint64_t sum = 0, expected = 0;
        for (int i = 0; i < nthreads; i++) {
            sum += r->slot[round & 1][i].value;
            expected += (uint64_t)round * 100 + (uint64_t)i;
        }
        if (sum != expected)
            atomic_fetch_add(&r->wrong, 1);
    }
}

static void barriers_order_memory(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int threads = 1; threads <= MOST; threads++) {
        wt_pool *pool = open_pool(ctx, threads);
        for (int repeat = 0; repeat < 3; repeat++) {
            for (int n = 1; n <= threads; n++) { /* teams of all sizes in turn, odd numbers of barriers */
                static relay r;
                memset(&r, 0, sizeof r);
                r.rounds = threads > wt_cores_allowed() ? 101 : 2001;
                wt_pool_run(pool, n, relay_round, &r);
                assert_int_equal(atomic_load(&r.wrong), 0);
            }
        }
        wt_pool_close(pool);
    }
    wt_test_context_close(ctx);
}

/* Members that come late: the others must spin, yield, sleep, and be woken. */
static void come_late(void *arg, wt_team *team, int tid, int nthreads)
{
    relay *r = arg;
    for (int round = 0; round < r->rounds; round++) {
        if (round % nthreads == tid)
            pause_ms(round % 2 ? 4 : 1);
        r->slot[round & 1][tid].value = (uint64_t)round;
        wt_team_barrier(team, tid);
        for (int i = 0; i < nthreads; i++)
            if (r->slot[round & 1][i].value != (uint64_t)round)
                atomic_fetch_add(&r->wrong, 1);
    }
}

static void sleeping_members_are_woken(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    for (int threads = 2; threads <= 5; threads++) {
        wt_pool *pool = open_pool(ctx, threads);
        static relay r;
        memset(&r, 0, sizeof r);
        r.rounds = 20;
        wt_pool_run(pool, threads, come_late, &r);
        assert_int_equal(atomic_load(&r.wrong), 0);
        for (int i = 0; i < 10; i++) { /* parked between runs */
            seen s = { .expected = threads };
            pause_ms(i % 3);
            wt_pool_run(pool, threads, see, &s);
            assert_int_equal(atomic_load(&s.runs[threads - 1]), 1);
        }
        wt_pool_close(pool);
    }
    wt_test_context_close(ctx);
}

typedef struct shared_pool {
    wt_pool *pool;
    int inside; /* plain: one run at a time */
    atomic_int wrong;
} shared_pool;

static void alone(void *arg, wt_team *team, int tid, int nthreads)
{
    shared_pool *s = arg;
    (void)nthreads;
    if (tid == 0 && s->inside++ != 0)
        atomic_fetch_add(&s->wrong, 1);
    wt_team_barrier(team, tid);
    if (tid == 0)
        s->inside--;
}

static void *call_often(void *arg)
{
    shared_pool *s = arg;
    for (int i = 0; i < 200; i++)
        wt_pool_run(s->pool, 1 + i % 3, alone, s);
    return NULL;
}

/* Member 0 holds the pool and asks it for more: from inside, and from another thread. */
static void *ask_a_busy_pool(void *arg)
{
    shared_pool *s = arg;
    seen inner = { .expected = 2 };
    if (wt_pool_try_run(s->pool, 2, see, &inner) || atomic_load(&inner.runs[0]))
        atomic_fetch_add(&s->wrong, 1);
    return NULL;
}

static void ask_while_inside(void *arg, wt_team *team, int tid, int nthreads)
{
    pthread_t other;
    (void)team, (void)nthreads;
    if (tid != 0)
        return;
    ask_a_busy_pool(arg);
    if (pthread_create(&other, NULL, ask_a_busy_pool, arg) == 0)
        pthread_join(other, NULL);
    else
        atomic_fetch_add(&((shared_pool *)arg)->wrong, 1);
}

static void a_busy_pool_says_so(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    shared_pool s = { .pool = open_pool(ctx, 2) };
    seen free_one = { .expected = 2 };
    assert_true(wt_pool_try_run(s.pool, 2, see, &free_one));
    assert_int_equal(atomic_load(&free_one.runs[1]), 1);
    assert_true(wt_pool_try_run(s.pool, 2, ask_while_inside, &s));
    assert_true(wt_pool_try_run(s.pool, 2, see, &free_one)); /* given back */
    assert_int_equal(atomic_load(&free_one.runs[1]), 2);
    assert_int_equal(atomic_load(&s.wrong) + atomic_load(&free_one.wrong), 0);
    wt_pool_close(s.pool);
    wt_test_context_close(ctx);
}

static void callers_wait_for_each_other(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    shared_pool s = { .pool = open_pool(ctx, 3) };
    pthread_t callers[4];
    for (size_t i = 0; i < WT_ARRAY_LEN(callers); i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &s), 0);
    for (size_t i = 0; i < WT_ARRAY_LEN(callers); i++)
        pthread_join(callers[i], NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    wt_pool_close(s.pool);
    wt_test_context_close(ctx);
}

static void count_kept_denormals(void *arg, wt_team *team, int tid, int nthreads)
{
    (void)team, (void)tid, (void)nthreads;
    volatile float tiny = 1e-39f; /* below the smallest normal number */
    volatile float product = tiny * 1.0f;
    if (product != 0.0f)
        atomic_fetch_add((atomic_int *)arg, 1);
    wt_fpu_set(wt_fpu_get() & ~(uint64_t)WT_FPU_FAST); /* a part that leaves a mess */
}

static void denormals_are_off_inside_and_back_outside(void **state)
{
    (void)state;
    if (WT_FPU_FAST == 0)
        wt_test_skip("no control word known for this architecture");
    wt_context *ctx = wt_test_context();
    wt_pool *pool = open_pool(ctx, 3);
    const uint64_t before = wt_fpu_get();
    atomic_int kept;
    atomic_init(&kept, 0);
    for (int n = 1; n <= 3; n++)
        wt_pool_run(pool, n, count_kept_denormals, &kept);
    assert_int_equal(atomic_load(&kept), 0);
    assert_true(wt_fpu_get() == before);
    volatile float tiny = 1e-39f;
    assert_true(tiny * 1.0f != 0.0f);
    wt_pool_close(pool);
    wt_test_context_close(ctx);
}

static void look_at_signals(void *arg, wt_team *team, int tid, int nthreads)
{
    (void)team, (void)nthreads;
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    if (tid > 0 && !sigismember(&now, SIGINT))
        atomic_fetch_add((atomic_int *)arg, 1);
    if (tid == 0 && sigismember(&now, SIGINT))
        atomic_fetch_add((atomic_int *)arg, 1);
}

static void signals_stay_with_the_program(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    wt_pool *pool = open_pool(ctx, 3);
    atomic_int wrong;
    atomic_init(&wrong, 0);
    wt_pool_run(pool, 3, look_at_signals, &wrong);
    assert_int_equal(atomic_load(&wrong), 0);
    wt_pool_close(pool);
    wt_test_context_close(ctx);
}

static void parts_cover_everything_once(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n++)
        for (size_t grain = 1; grain <= 17; grain += 4)
            for (int threads = 1; threads <= 7; threads++) {
                size_t at = 0;
                for (int tid = 0; tid < threads; tid++) {
                    size_t begin, end;
                    wt_split(n, grain, tid, threads, &begin, &end);
                    assert_true(begin == at && end >= begin && end <= n);
                    assert_true(begin % grain == 0 || begin == n);
                    at = end;
                }
                assert_true(at == n);
            }
}

static wt_status open_run_close(wt_context *ctx, void *arg, wt_err *err)
{
    struct wt_pool *pool;
    (void)arg;
    WT_TRY(wt_context_pool(ctx, &pool, err));
    seen s = { .expected = 2 };
    wt_pool_run(pool, 2, see, &s);
    return atomic_load(&s.runs[1]) == 1 ? WT_OK : wt_fail(err, WT_EINTERNAL, "member 1 did not run");
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(wt_test_fail_each_alloc(open_run_close, NULL) >= 3);
}

static void the_affinity_mask_counts(void **state)
{
    (void)state;
    cpu_set_t before, one;
    const int all = wt_cores_allowed();
    assert_true(all >= 1);
    if (sched_getaffinity(0, sizeof before, &before) != 0)
        wt_test_skip("no affinity mask here");
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
            break;
        }
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        wt_test_skip("the affinity mask cannot be changed here");
    assert_int_equal(wt_cores_allowed(), 1);
    sched_setaffinity(0, sizeof before, &before);
    assert_int_equal(wt_cores_allowed(), all);
}

/* Writes one file of a made-up control-group tree, and the folders above it. */
static void put(wt_context *ctx, const char *root, const char *folder, const char *name, const char *text)
{
    const char *place = wt_test_path(root, folder);
    wt_err err = { 0 };
    wt_test_ok(wt_make_dirs(ctx, place, &err), &err);
    wt_test_write(wt_test_path(place, name), text, strlen(text));
}

static void quotas_of_control_groups(void **state)
{
    (void)state;
    wt_context *ctx = wt_test_context();
    static const struct {
        const char *membership;
        struct {
            const char *folder, *name, *text;
        } file[4];
        int cores; /* of 8 */
    } rows[] = {
        { "0::/\n", { { "", "cpu.max", "150000 100000\n" } }, 1 },
        { "0::/\n", { { "", "cpu.max", "max 100000\n" } }, 8 },
        { "0::/\n", { { "", "cpu.max", "50000 100000\n" } }, 1 }, /* half a core is still one thread */
        { "0::/\n", { { "", "cpu.max", "1600000 100000\n" } }, 8 },
        { "0::/\n", { { "", "cpu.max", "garbage" } }, 8 },
        { "0::/a/b\n",
          { { "a/b", "cpu.max", "max 100000\n" }, { "a", "cpu.max", "300000 100000\n" } },
          3 }, /* a limit above ours */
        { "0::/a/b\n", { { "a/b", "cpu.max", "200000 100000\n" }, { "a", "cpu.max", "300000 100000\n" } }, 2 },
        { "0::/host/path/unseen/here\n", { { "", "cpu.max", "400000 100000\n" } }, 4 }, /* inside a container */
        { "9:pids:/x\n4:cpu,cpuacct:/g\n0::/\n",
          { { "cpu,cpuacct/g", "cpu.cfs_quota_us", "250000\n" }, { "cpu,cpuacct/g", "cpu.cfs_period_us", "100000\n" } },
          2 },
        { "1:cpu:/\n", { { "cpu", "cpu.cfs_quota_us", "-1\n" }, { "cpu", "cpu.cfs_period_us", "100000\n" } }, 8 },
        { "1:cpuset:/\n",
          { { "cpu", "cpu.cfs_quota_us", "100000\n" }, { "cpu", "cpu.cfs_period_us", "100000\n" } },
          8 },
        { "no colons at all\n", { { "", "cpu.max", "100000 100000\n" } }, 8 },
        { "", { { "", "cpu.max", "100000 100000\n" } }, 8 },
    };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++) {
        const char *root = wt_test_tmpdir();
        put(ctx, root, "", "membership", rows[i].membership);
        for (size_t k = 0; k < WT_ARRAY_LEN(rows[i].file) && rows[i].file[k].name; k++)
            put(ctx, root, rows[i].file[k].folder, rows[i].file[k].name, rows[i].file[k].text);
        const int cores = wt_cores_within_quota(8, wt_test_path(root, "membership"), root);
        if (cores != rows[i].cores)
            fail_msg("row %zu: %d cores instead of %d", i, cores, rows[i].cores);
    }
    assert_int_equal(wt_cores_within_quota(8, wt_test_path(wt_test_tmpdir(), "absent"), "/"), 8);
    wt_test_context_close(ctx);
}

static void clocks_go_forward(void **state)
{
    (void)state;
    const uint64_t start = wt_now_ns();
    pause_ms(3);
    const uint64_t end = wt_now_ns();
    assert_true(end - start >= 3000000 && end - start < 60ull * 1000000000);
    assert_true(wt_current_rss() > 100000);
    assert_true(wt_peak_rss() >= wt_current_rss() / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_runs_once),        cmocka_unit_test(unused_pools_close),
        cmocka_unit_test(wrong_counts_are_refused),      cmocka_unit_test(barriers_order_memory),
        cmocka_unit_test(sleeping_members_are_woken),    cmocka_unit_test(callers_wait_for_each_other),
        cmocka_unit_test(a_busy_pool_says_so),           cmocka_unit_test(denormals_are_off_inside_and_back_outside),
        cmocka_unit_test(signals_stay_with_the_program), cmocka_unit_test(parts_cover_everything_once),
        cmocka_unit_test(each_allocation_may_fail),      cmocka_unit_test(the_affinity_mask_counts),
        cmocka_unit_test(quotas_of_control_groups),      cmocka_unit_test(clocks_go_forward),
    };
    return wt_test_run("pool", tests, WT_ARRAY_LEN(tests));
}
