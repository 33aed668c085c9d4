/* cmd_evaluate.c - whet evaluate MODEL --data SET */
#include <string.h>
#include "commands.h"
#include "data_flags.h"
#include "whet/metrics.h"

typedef struct args {
    const char *metric;
    data_flags data;
} args;

static const cli_option options[] = {
    DATA_ROWS(args, data),
    DATA_PART_ROW(args, data),
    CLI_ROW(args, metric, "metric", 0, CLI_TEXT, "NAME",
            "task metric (default: the one that fits the labels): accuracy, character_accuracy, mse, ..."),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

/* Shares as percents, other metrics as they are. */
static void print_metric(const cli *c, const wt_result *r, const char *at)
{
    const char *name = wt_result_string(r, "", "%smetric", at);
    const double value = wt_result_number(r, 0, "%svalue", at), lo = wt_result_number(r, 0, "%sci95[0]", at),
                 hi = wt_result_number(r, 0, "%sci95[1]", at);
    const bool share = strstr(name, "accuracy") || !strcmp(name, "agreement");
    const double unit = share ? 100 : 1;
    printf("%-20s %s%.4g%s%s  (95 %% interval %.4g to %.4g)\n", name, cli_bold(c), value * unit, share ? " %" : "",
           cli_reset(c), lo * unit, hi * unit);
}

static void print_classes(const wt_result *r)
{
    const size_t n = wt_result_count(r, "classes");
    if (n < 2 || n > 20)
        return;
    cli_table *t = cli_table_new("class\tsamples\tright\tpredicted");
    for (size_t i = 0; i < n; i++)
        cli_table_row(t, "%s\t%.0f\t%.0f\t%.0f", wt_result_string(r, "", "classes[%zu].name", i),
                      wt_result_number(r, 0, "classes[%zu].samples", i),
                      wt_result_number(r, 0, "classes[%zu].right", i),
                      wt_result_number(r, 0, "classes[%zu].predicted", i));
    cli_table_print(t, stdout);
}

static void print_examples(const wt_result *r)
{
    const size_t n = wt_result_count(r, "examples");
    if (!n)
        return;
    printf("%.0f wrong%s\n", wt_result_number(r, 0, "wrong"),
           n < (size_t)wt_result_number(r, 0, "wrong") ? "; the first:" : ":");
    cli_table *t = cli_table_new("sample\tlabel\tgot");
    for (size_t i = 0; i < n; i++)
        cli_table_row(t, "%s\t%s\t%s", wt_result_string(r, "", "examples[%zu].source", i),
                      wt_result_string(r, "", "examples[%zu].label", i),
                      wt_result_string(r, "", "examples[%zu].got", i));
    cli_table_print(t, stdout);
}

/* Of several engines a line each. */
static bool print_engines(const cli *c, const wt_result *r)
{
    char at[32];
    const size_t n = wt_result_count(r, "engines");
    for (size_t k = 0; k < n; k++) {
        snprintf(at, sizeof at, "engines[%zu].", k);
        printf("%-20s ", wt_result_string(r, "", "%sengine", at));
        if (wt_result_has(r, "%smetric", at))
            print_metric(c, r, at);
        else
            printf("%sfailed%s: %s\n", cli_red(c), cli_reset(c), wt_result_string(r, "", "%sreason", at));
    }
    return n > 0;
}

static void print(cli *c, const wt_result *r)
{
    char at[32];
    if (print_engines(c, r))
        return;
    print_metric(c, r, "");
    for (size_t i = 0; i < wt_result_count(r, "others"); i++) {
        snprintf(at, sizeof at, "others[%zu].", i);
        print_metric(c, r, at);
    }
    printf("on %.0f samples of %s (%s, %.12s), %.3g ms each\n", wt_result_number(r, 0, "samples"),
           wt_result_string(r, "", "data.path"), wt_result_string(r, "", "data.form"),
           wt_result_string(r, "", "data.hash"), wt_result_number(r, 0, "run_ms"));
    if (wt_result_has(r, "nonfinite_samples"))
        printf("%s%.0f samples gave NaN or infinity%s\n", cli_red(c), wt_result_number(r, 0, "nonfinite_samples"),
               cli_reset(c));
    if (wt_result_has(r, "warning"))
        printf("%s%s%s\n", cli_yellow(c), wt_result_string(r, "", "warning"), cli_reset(c));
    print_classes(r);
    print_examples(r);
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_evaluate_options o = wt_evaluate_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.data = cli_data(&a->data);
    o.metric = a->metric;
    const wt_status st = wt_evaluate(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_evaluate = {
    .name = "evaluate",
    .summary = "scores a model on labelled data: the task metric and how sure it is",
    .usage = "MODEL --data SET [--metric NAME]",
    .details =
        "Metrics: accuracy, top5_accuracy (class labels); character_accuracy, sequence_accuracy (text labels, decoded "
        "greedily\n"
        "from CTC); mse (values as labels). Without --metric the first that fits the labels and the outputs, and the "
        "others for\n"
        "the same labels beside it. Shares carry a Wilson interval, other metrics one by bootstrap over samples.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
    .engines = 16,
};
