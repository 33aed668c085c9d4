/* cmd_profile.c - whet profile MODEL */
#include <string.h>
#include "commands.h"

typedef struct args {
    double seconds;
    int runs, batch;
    const char *data, *target;
} args;

static void defaults(void *p)
{
    const wt_profile_options o = wt_profile_defaults();
    *(args *)p = (args){ .seconds = o.seconds };
}

static const cli_option options[] = {
    CLI_ROW(args, seconds, "time", 0, CLI_TIME, "TIME", "measuring time (default 2s)"),
    CLI_ROW(args, runs, "runs", 0, CLI_COUNT, "N", "runs instead of a time"),
    CLI_ROW(args, batch, "batch", 0, CLI_COUNT, "N", "first dimension of the inputs"),
    CLI_ROW(args, data, "data", 0, CLI_TEXT, "SET", "inputs from this data set (default: random, from the seed)"),
    CLI_ROW(args, target, "target", 0, CLI_TEXT, "NAME",
            "profile with the peaks to compare with (default: this machine, measured first)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static const char *milliseconds(double ms, char *out, size_t size)
{
    snprintf(out, size, ms < 0.1 ? "%.4f" : "%.3f", ms);
    return out;
}

static const char *percent(const wt_result *r, size_t i, const char *key, char *out, size_t size)
{
    if (!wt_result_has(r, "nodes[%zu].%s", i, key))
        return "-";
    snprintf(out, size, "%.0f %%", 100 * wt_result_number(r, 0, "nodes[%zu].%s", i, key));
    return out;
}

static const char *rate(const wt_result *r, size_t i, const char *key, char *out, size_t size)
{
    const double v = wt_result_number(r, 0, "nodes[%zu].%s", i, key);
    if (!wt_result_has(r, "nodes[%zu].%s", i, key))
        return "-";
    snprintf(out, size, v >= 100 ? "%.0f" : "%.3g", v);
    return out;
}

/* The end of a long name tells more than its beginning. */
static const char *shortened(const char *name, char *out, size_t size, size_t most)
{
    const size_t n = strlen(name);
    if (n <= most)
        return name;
    const char *tail = name + n - (most - 2);
    while ((*tail & 0xc0) == 0x80)
        tail++;
    snprintf(out, size, "..%s", tail);
    return out;
}

static void print_nodes(cli *c, const wt_result *r)
{
    const size_t n = wt_result_count(r, "nodes");
    size_t shown = c->common.verbose || n <= 25 ? n : 20;
    double rest = 0;
    char a[48], b[48], d[48], e[48], f[48], g[64], h[64];
    cli_table *t = cli_table_new("ms\tshare\top\tkernel\tshape\tGFLOP/s\tGB/s\troof\tbound\tthreads\tnode");
    for (size_t i = 0; i < n; i++) {
        if (i >= shown) {
            rest += wt_result_number(r, 0, "nodes[%zu].ms", i);
            continue;
        }
        const char *bound = wt_result_string(r, "", "nodes[%zu].bound", i);
        cli_table_row(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s",
                      milliseconds(wt_result_number(r, 0, "nodes[%zu].ms", i), a, sizeof a),
                      percent(r, i, "share", b, sizeof b), wt_result_string(r, "", "nodes[%zu].op", i),
                      shortened(wt_result_string(r, "", "nodes[%zu].kernel", i), g, sizeof g, 32),
                      wt_result_string(r, "", "nodes[%zu].shape", i), rate(r, i, "gflops", d, sizeof d),
                      rate(r, i, "gb_per_s", e, sizeof e), percent(r, i, "roofline_fraction", f, sizeof f),
                      strcmp(bound, "unknown")
                          ? (wt_result_true(r, "nodes[%zu].in_cache", i) && !strcmp(bound, "memory") ? "cache" : bound)
                          : "-",
                      wt_result_number(r, 0, "nodes[%zu].threads", i),
                      shortened(wt_result_string(r, "", "nodes[%zu].name", i), h, sizeof h, 40));
    }
    if (shown < n)
        cli_table_row(t, "%.3f\t%.0f %%\t%zu more (-v shows all)", rest,
                      100 * rest / wt_result_number(r, 1, "total_ms"), n - shown);
    cli_table_row(t, "%.3f\t100 %%\ttotal of %zu steps", wt_result_number(r, 0, "total_ms"), n);
    cli_table_print(t, stdout);
}

static void print_ops(const wt_result *r)
{
    cli_table *t = cli_table_new("operator\tsteps\tms\tshare");
    for (size_t i = 0; i < wt_result_count(r, "ops") && i < 10; i++)
        cli_table_row(t, "%s\t%.0f\t%.3f\t%.0f %%", wt_result_string(r, "", "ops[%zu].op", i),
                      wt_result_number(r, 0, "ops[%zu].count", i), wt_result_number(r, 0, "ops[%zu].ms", i),
                      100 * wt_result_number(r, 0, "ops[%zu].share", i));
    cli_table_print(t, stdout);
}

static void print_roof(cli *c, const wt_result *r)
{
    static const struct {
        const char *key, *name, *unit;
    } peaks[] = { { "fp32_gflops", "float32", "GFLOP/s" },
                  { "int8_gops", "int8", "GOP/s" },
                  { "bf16_gflops", "bfloat16", "GFLOP/s" } };
    printf("%speaks (%s):", cli_dim(c), wt_result_string(r, "", "roof.source"));
    if (wt_result_has(r, "roof.read_gb_per_s"))
        printf(" memory %.3g GB/s", wt_result_number(r, 0, "roof.read_gb_per_s.all"));
    for (size_t i = 0; i < sizeof peaks / sizeof peaks[0]; i++)
        if (wt_result_has(r, "roof.%s", peaks[i].key))
            printf(", %s %.3g %s", peaks[i].name, wt_result_number(r, 0, "roof.%s.all", peaks[i].key), peaks[i].unit);
    if (!wt_result_has(r, "roof.read_gb_per_s"))
        printf(" not known");
    printf("%s\n", cli_reset(c));
}

static void print(cli *c, const wt_result *r)
{
    print_nodes(c, r);
    putchar('\n');
    print_ops(r);
    printf("\none run: p50 %.4g ms, p95 %.4g ms, p99 %.4g ms over %.0f runs, %.0f threads\n",
           wt_result_number(r, 0, "latency_ms.p50"), wt_result_number(r, 0, "latency_ms.p95"),
           wt_result_number(r, 0, "latency_ms.p99"), wt_result_number(r, 0, "latency_ms.runs"),
           wt_result_number(r, 0, "threads"));
    print_roof(c, r);
    const size_t n = wt_result_count(r, "bottlenecks");
    if (n)
        putchar('\n');
    for (size_t i = 0; i < n; i++)
        printf("%s%s%s: %s\n    %s\n", cli_yellow(c), wt_result_string(r, "", "bottlenecks[%zu].name", i), cli_reset(c),
               wt_result_string(r, "", "bottlenecks[%zu].evidence", i),
               wt_result_string(r, "", "bottlenecks[%zu].recommendation", i));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_profile_options o = wt_profile_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->runs < 0 || a->batch < 0 || a->seconds <= 0 || a->seconds > 86400)
        return cli_usage(
            c, "options '--runs' and '--batch': 1 or more was expected; '--time': more than nothing, up to a day");
    o.exec = cli_exec(c);
    o.seconds = a->seconds;
    o.runs = a->runs;
    o.batch = a->batch;
    o.data = a->data;
    o.target = a->target;
    const wt_status st = wt_profile(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_profile = {
    .name = "profile",
    .summary = "shows where the time of a model goes, how close that is to what the machine can do, and what to do",
    .usage = "MODEL [--time TIME] [--data SET] [--target NAME]",
    .details =
        "'roof' is the least time that the step's arithmetic and bytes allow, as a part of the time it took; 'bound' "
        "says which\n"
        "of the two it is ('cache': the bytes are few enough to stay in the last-level cache, so memory is no limit).",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
