/* cmd_optimize.c - whet optimize MODEL --data SET -o DIR */
#include <string.h>
#include "commands.h"
#include "data_flags.h"
#include "whet/optimize.h"

typedef struct args {
    data_flags data;
    double min_accuracy, min_speedup, max_memory_ratio, max_latency, seconds;
    uint64_t max_size, max_memory;
    int resume;
    const char *metric;
} args;

static void defaults(void *p)
{
    const wt_optimize_options o = wt_optimize_defaults();
    *(args *)p = (args){ .min_accuracy = o.min_accuracy,
                         .min_speedup = o.min_speedup,
                         .max_memory_ratio = o.max_memory_ratio,
                         .seconds = o.seconds };
}

static const cli_option options[] = {
    DATA_ROWS(args, data),
    CLI_ROW(args, resume, "resume", 0, CLI_FLAG, NULL, "go on where an interrupted run in the same folder stopped"),
    CLI_ROW(args, min_accuracy, "min-accuracy", 0, CLI_REAL, "X",
            "share of the original's score that must be kept (default 0.95)"),
    CLI_ROW(args, min_speedup, "min-speedup", 0, CLI_REAL, "X",
            "times faster than the original it must be (default 2)"),
    CLI_ROW(args, max_memory_ratio, "max-memory-ratio", 0, CLI_REAL, "X",
            "share of the original's memory it may take (default 0.5)"),
    CLI_ROW(args, max_size, "max-size", 0, CLI_SIZE, "SIZE", "largest file"),
    CLI_ROW(args, max_memory, "max-memory", 0, CLI_SIZE, "SIZE", "most weights and activations"),
    CLI_ROW(args, max_latency, "max-latency", 0, CLI_TIME, "TIME", "largest median latency, for example 5ms"),
    CLI_ROW(args, seconds, "time", 0, CLI_TIME, "TIME", "measuring time for each model (default 2s)"),
    CLI_ROW(args, metric, "metric", 0, CLI_TEXT, "NAME", "task metric (default: by the labels)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print_stages(const wt_result *r)
{
    char size[32], memory[32], accuracy[32];
    cli_table *t = cli_table_new("stage\tms p50\tms p99\tspeed\tfile\tmemory\taccuracy");
    for (size_t i = 0; i < wt_result_count(r, "stages"); i++) {
        snprintf(accuracy, sizeof accuracy, "-");
        if (wt_result_has(r, "stages[%zu].accuracy.value", i))
            snprintf(accuracy, sizeof accuracy, "%.4f", wt_result_number(r, 0, "stages[%zu].accuracy.value", i));
        cli_table_row(
            t, "%s\t%.3f\t%.3f\t%.2fx\t%s\t%s\t%s", wt_result_string(r, "", "stages[%zu].name", i),
            wt_result_number(r, 0, "stages[%zu].latency_ms.p50", i),
            wt_result_number(r, 0, "stages[%zu].latency_ms.p99", i), wt_result_number(r, 0, "stages[%zu].speedup", i),
            cli_bytes(wt_result_number(r, 0, "stages[%zu].size_bytes", i), size, sizeof size),
            cli_bytes(wt_result_number(r, 0, "stages[%zu].peak_memory_bytes", i), memory, sizeof memory), accuracy);
    }
    cli_table_print(t, stdout);
}

static void print_gates(cli *c, const wt_result *r)
{
    for (size_t i = 0; i < wt_result_count(r, "gates"); i++) {
        const bool ok = wt_result_true(r, "gates[%zu].passed", i);
        printf("%s%s%s  %s %.4g (%s %.4g)%s%s\n", ok ? cli_green(c) : cli_red(c), ok ? "passed" : "FAILED",
               cli_reset(c), wt_result_string(r, "", "gates[%zu].title", i),
               wt_result_number(r, 0, "gates[%zu].value", i), wt_result_string(r, "", "gates[%zu].comparison", i),
               wt_result_number(r, 0, "gates[%zu].threshold", i), ok ? "" : ": ",
               ok ? "" : wt_result_string(r, "", "gates[%zu].detail", i));
    }
}

/* Layers that stay in float because integers hurt them, and what that is worth and costs. */
static void print_kept(const wt_result *r)
{
    char memory[32];
    for (size_t i = 0; i < wt_result_count(r, "float_layers"); i++)
        if (wt_result_has(r, "float_layers[%zu].gain_db", i))
            printf("in float: %s, worth %+.1f dB, costs %s and %+.3f ms\n",
                   wt_result_string(r, "", "float_layers[%zu].node", i),
                   wt_result_number(r, 0, "float_layers[%zu].gain_db", i),
                   cli_bytes(wt_result_number(r, 0, "float_layers[%zu].memory_bytes", i), memory, sizeof memory),
                   wt_result_number(r, 0, "float_layers[%zu].float_ms", i) -
                       wt_result_number(r, 0, "float_layers[%zu].int8_ms", i));
}

static void print(cli *c, const wt_result *r)
{
    print_stages(r);
    printf("\n%s%s%s\n", cli_bold(c), wt_result_string(r, "", "verdict.summary"), cli_reset(c));
    printf("weights %.1f %% of the original's bytes; noise floor of the timing %.1f %%\n",
           100 * wt_result_number(r, 0, "weight_ratio"), 100 * wt_result_number(r, 0, "noise_floor"));
    print_kept(r);
    if (wt_result_has(r, "ab_test.statement"))
        printf("%s\n", wt_result_string(r, "", "ab_test.statement"));
    print_gates(c, r);
    if (c->common.output)
        printf("\n%s/report.html\n", c->common.output);
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_optimize_options o = wt_optimize_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->seconds <= 0 || a->seconds > 86400)
        return cli_usage(c, "option '--time': more than nothing and up to a day was expected");
    o.exec = cli_exec(c);
    o.data = cli_data(&a->data);
    o.output_dir = c->common.output;
    o.force = c->common.force;
    o.resume = a->resume;
    o.min_accuracy = a->min_accuracy;
    o.min_speedup = a->min_speedup;
    o.max_memory_ratio = a->max_memory_ratio;
    o.max_size = a->max_size;
    o.max_memory = a->max_memory;
    o.max_latency_ms = a->max_latency * 1e3;
    o.seconds = a->seconds;
    o.metric = a->metric;
    const wt_status st = wt_optimize(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_optimize = {
    .name = "optimize",
    .summary = "makes a model smaller and faster, measures every stage, and judges it by gates",
    .usage = "MODEL --data SET -o DIR",
    .details = "Baseline, convert, quantize, accelerate, validate. Half of the data (by hash of content) calibrates, "
               "the other half is\n"
               "held out for the proof. Products that hurt the score stay in float. Writes model.onnx, float.onnx, "
               "statistics.json,\n"
               "ledger.json, result.json, report.html and the journal that --resume reads. Exit code 1: a gate failed.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
