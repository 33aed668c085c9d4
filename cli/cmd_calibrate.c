/* cmd_calibrate.c - whet calibrate MODEL --data SET -o FILE */
#include "commands.h"
#include "data_flags.h"
#include "whet/optimize.h"

typedef struct args {
    data_flags data;
} args;

static const cli_option options[] = {
    DATA_ROWS(args, data),
    DATA_PART_ROW(args, data),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    char a[32];
    printf("%s%s%s: %.0f tensors over %.0f samples, %.1f s, peak memory %s\n", cli_bold(c),
           wt_result_string(r, "", "file"), cli_reset(c), wt_result_number(r, 0, "tensors"),
           wt_result_number(r, 0, "samples"), wt_result_number(r, 0, "seconds"),
           cli_bytes(wt_result_number(r, 0, "peak_rss_bytes"), a, sizeof a));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_calibrate_options o = wt_calibrate_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.data = cli_data(&a->data);
    o.output = c->common.output;
    o.force = c->common.force;
    const wt_status st = wt_calibrate(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_calibrate = {
    .name = "calibrate",
    .summary = "collects the statistics of activations that quantization needs",
    .usage = "MODEL --data SET -o FILE",
    .details =
        "One pass over the data, one sample alive at a time, memory that does not grow with the set. The file serves\n"
        "`whet quantize --stats FILE` with every method.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
