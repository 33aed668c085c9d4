/* cmd_compare.c - whet compare REF CANDIDATE --data SET */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "data_flags.h"

typedef struct args {
    data_flags data;
    int layers;
    double min_sqnr_db, min_cosine, min_agreement, max_kld;
} args;

static void defaults(void *p)
{
    const wt_compare_options o = wt_compare_defaults();
    *(args *)p = (args){
        .min_sqnr_db = o.min_sqnr_db, .min_cosine = o.min_cosine, .min_agreement = o.min_agreement, .max_kld = o.max_kld
    };
}

static const cli_option options[] = {
    DATA_ROWS(args, data),
    DATA_PART_ROW(args, data),
    CLI_ROW(args, layers, "layers", 0, CLI_FLAG, NULL, "also values inside that carry one name in both models"),
    CLI_ROW(args, min_sqnr_db, "min-sqnr-db", 0, CLI_REAL, "DB", "least signal-to-noise ratio of each output"),
    CLI_ROW(args, min_cosine, "min-cosine", 0, CLI_REAL, "X", "least cosine similarity of each output"),
    CLI_ROW(args, min_agreement, "min-agreement", 0, CLI_REAL, "X",
            "least share of positions whose highest score is the same"),
    CLI_ROW(args, max_kld, "max-kld", 0, CLI_REAL, "X", "largest mean KL divergence of scores, in nats"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

/* A figure, or "-" where there is none. */
static const char *figure(const wt_result *r, const char *format, double scale, char *out, size_t size,
                          const char *list, size_t i, const char *key)
{
    char text[32];
    const double v = wt_result_number(r, NAN, "%s[%zu].%s", list, i, key) * scale;
    if (isnan(v))
        return "-";
    snprintf(text, sizeof text, "%.*f", (int)strtol(format, NULL, 10), v);
    snprintf(out, size, "%s", v >= 200 && !strcmp(key, "sqnr_db") ? "exact" : text);
    return out;
}

static void print_outputs(const wt_result *r)
{
    char a[32], b[32], d[32], k[32];
    cli_table *t = cli_table_new("output\tSQNR dB\tcosine\tagreement %\tKL nats\tmax error\tverdict");
    for (size_t i = 0; i < wt_result_count(r, "outputs"); i++)
        cli_table_row(t, "%s\t%s\t%s\t%s\t%s\t%.3g\t%s", wt_result_string(r, "", "outputs[%zu].name", i),
                      figure(r, "1", 1, a, sizeof a, "outputs", i, "sqnr_db"),
                      figure(r, "5", 1, b, sizeof b, "outputs", i, "cosine"),
                      figure(r, "2", 100, d, sizeof d, "outputs", i, "agreement"),
                      figure(r, "5", 1, k, sizeof k, "outputs", i, "kld"),
                      wt_result_number(r, 0, "outputs[%zu].max_abs", i),
                      wt_result_true(r, "outputs[%zu].passed", i) ? "ok" : "DIFFERS");
    cli_table_print(t, stdout);
}

static void print_layers(const wt_result *r)
{
    char a[32];
    const size_t n = wt_result_count(r, "layers");
    if (!n)
        return;
    cli_table *t = cli_table_new("value\toperator\tcomputed as\tSQNR dB");
    for (size_t i = 0; i < n; i++)
        cli_table_row(t, "%s\t%s\t%s\t%s", wt_result_string(r, "", "layers[%zu].name", i),
                      wt_result_string(r, "", "layers[%zu].op", i), wt_result_string(r, "", "layers[%zu].got", i),
                      figure(r, "1", 1, a, sizeof a, "layers", i, "sqnr_db"));
    cli_table_print(t, stdout);
}

static void print(cli *c, const wt_result *r)
{
    const bool same = !strcmp(wt_result_string(r, "", "verdict"), "equivalent");
    print_layers(r);
    print_outputs(r);
    printf("%s%s%s as %s on %.0f samples of %s\n", same ? cli_green(c) : cli_red(c),
           same ? "equivalent" : "NOT EQUIVALENT", cli_reset(c), wt_result_string(r, "", "precision"),
           wt_result_number(r, 0, "samples"), wt_result_string(r, "", "data.path"));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_compare_options o = wt_compare_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.data = cli_data(&a->data);
    o.layers = a->layers;
    o.min_sqnr_db = a->min_sqnr_db;
    o.min_cosine = a->min_cosine;
    o.min_agreement = a->min_agreement;
    o.max_kld = a->max_kld;
    const wt_status st = wt_compare(&result, c->ctx, c->inputs[0], c->inputs[1], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_compare = {
    .name = "compare",
    .summary = "the proof: the same inputs through two models, output by output and channel by channel",
    .usage = "REF CANDIDATE --data SET [--layers]",
    .details =
        "Exit code 1 when an output misses a threshold, when a channel that the reference moves stands still in the "
        "candidate, or\n"
        "when one of the two gives NaN or infinity alone. The thresholds follow from the candidate's precision:\n"
        "  fp32  60 dB, cosine 0.99999, agreement 0.999, KL 1e-4: another order of sums, nothing more\n"
        "  fp16  40 dB, cosine 0.9999, agreement 0.99, KL 1e-3: 11 bits of mantissa through some tens of layers\n"
        "  int8  10 dB, cosine 0.95, agreement 0.95, KL 0.1: what 8-bit models keep that still do their task; the task "
        "metric\n"
        "        (whet evaluate) is the finer judge\n"
        "  int4   8 dB, cosine 0.90, agreement 0.90, KL 0.2",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 2,
    .max_inputs = 2,
    .run = run,
    .engines = 2,
};
