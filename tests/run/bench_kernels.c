/* bench_kernels.c - how fast the rows of the kernel tables are, on the shapes of real networks.
 *
 *     bench_kernels [--threads N] [--seconds S] [--filter TEXT]
 *
 * Each shape runs on every row that takes it, long enough to see the machine at its best; printed are the best time and
 * the rate. Best, not mean, because what is compared is code, and neighbours on the machine only ever make it slower.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "run/kernel_cases.h"
#include "run/pack.h"
#include "support/test.h"

typedef struct options {
    int threads;
    double seconds;
    const char *filter;
} options;

typedef struct job {
    const wt_kernel *row;
    wt_run run;
} job;
static void member(void *arg, wt_team *team, int tid, int nthreads)
{
    job *j = arg;
    wt_run run = j->run;
    run.team = nthreads > 1 ? team : NULL;
    run.tid = tid, run.nthreads = nthreads;
    (void)j->row->run(&run, NULL);
}

static void time_row(const options *o, wt_context *ctx, wt_pool *pool, wt_pack_cache *packs, const wt_kernel *k,
                     kc_case *c)
{
    const wt_tensor *in[KC_MAX_IN] = { 0 }, *out[KC_MAX_OUT];
    wt_tensor *out_mut[KC_MAX_OUT], types[KC_MAX_IN];
    const wt_attrs attrs = { c->attrs, c->n_attrs };
    wt_arena arena;
    wt_err err = { 0 };
    wt_arena_init(&arena, ctx);
    for (size_t i = 0; i < c->n_in; i++) {
        types[i] = c->in[i];
        if (!c->constant[i])
            types[i].data = NULL;
        in[i] = c->has_in[i] ? &types[i] : NULL;
    }
    for (size_t i = 0; i < c->n_out; i++)
        out[i] = out_mut[i] = &c->out[i];
    wt_prep p = { .ctx = ctx,
                  .op = c->op,
                  .op_type = wt_op_get(c->op)->name,
                  .node_name = "bench",
                  .attrs = &attrs,
                  .in = in,
                  .n_in = c->n_in,
                  .out = out,
                  .n_out = c->n_out,
                  .threads = o->threads,
                  .cpu = wt_cpu_detect(),
                  .arena = &arena,
                  .packs = packs,
                  .max_threads = 1 };
    if ((k->need & ~p.cpu) || (k->accepts && !k->accepts(&p))) {
        wt_arena_free(&arena);
        return;
    }
    if (k->prepare)
        wt_test_ok(k->prepare(&p, &err), &err);
    for (size_t i = 0; i < c->n_in; i++)
        in[i] = c->has_in[i] ? &c->in[i] : NULL;
    void *scratch = wt_alloc_pages(ctx, p.scratch_bytes + 64, &err);
    job j = {
        k, { .params = p.params, .in = in, .n_in = c->n_in, .out = out_mut, .n_out = c->n_out, .scratch = scratch }
    };
    const int threads = p.max_threads < o->threads ? p.max_threads : o->threads;
    double best = 1e30;
    const uint64_t until = wt_now_ns() + (uint64_t)(o->seconds * 1e9);
    int runs = 0;
    do {
        const uint64_t t0 = wt_now_ns();
        wt_pool_run(pool, threads, member, &j);
        const double t = (double)(wt_now_ns() - t0);
        best = t < best ? t : best;
        runs++;
    } while (wt_now_ns() < until || runs < 5);
    double bytes = 0;
    for (size_t i = 0; i < c->n_in; i++)
        bytes += c->has_in[i] ? (double)c->in[i].bytes : 0;
    for (size_t i = 0; i < c->n_out; i++)
        bytes += (double)c->out[i].bytes;
    printf("  %-32s %d thr %10.2f us %8.1f Gop/s %7.1f GB/s\n", k->name, threads, best / 1e3, p.flops / best,
           bytes / best);
    fflush(stdout);
    wt_free_pages(ctx, scratch);
    wt_arena_free(&arena);
}

int main(int argc, char **argv)
{
    options o = { .threads = 1, .seconds = 0.2, .filter = "" };
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            o.threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--seconds") == 0)
            o.seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--filter") == 0)
            o.filter = argv[i + 1];
    }
    if (o.threads < 1 || o.threads > 64)
        return 2;
    wt_err err = { 0 };
    wt_context *ctx = wt_test_context();
    wt_pool *pool = NULL;
    wt_test_ok(wt_pool_open(&pool, ctx, o.threads, &err), &err);
    for (size_t i = 0;; i++) {
        kc_case c = { 0 };
        kc_random r = { 7 };
        wt_pack_cache *packs = NULL;
        if (!kc_make_bench(&c, i, &r))
            break;
        if (strstr(c.text, o.filter)) {
            printf("%s\n", c.text);
            wt_test_ok(wt_pack_open(&packs, ctx, &err), &err);
            for (const wt_kernel *const *table = wt_kernel_tables; *table; table++)
                for (const wt_kernel *k = *table; k->name; k++)
                    if (k->op == c.op)
                        time_row(&o, ctx, pool, packs, k, &c);
            wt_pack_close(packs);
        }
        kc_free(&c);
    }
    wt_pool_close(pool);
    wt_test_context_close(ctx);
    return 0;
}
