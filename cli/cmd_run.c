/* cmd_run.c - whet run MODEL --input FILE... */
#include "commands.h"

typedef struct args {
    cli_list inputs, expects;
    double rtol, atol;
    int allow_nonfinite, placement;
} args;

static void defaults(void *p)
{
    const wt_run_options o = wt_run_defaults();
    *(args *)p = (args){ .rtol = o.rtol, .atol = o.atol };
}

static const cli_option options[] = {
    CLI_ROW(args, inputs, "input", 'i', CLI_LIST, "[NAME=]FILE",
            "an input: .npy, .npz, .pb (TensorProto), picture, .wav, text"),
    CLI_ROW(args, expects, "expect", 'e', CLI_LIST, "[NAME=]FILE",
            "what an output must be (.npy or .pb); out of tolerance is exit code 1"),
    CLI_ROW(args, rtol, "rtol", 0, CLI_REAL, "X", "relative tolerance (default 1e-3)"),
    CLI_ROW(args, atol, "atol", 0, CLI_REAL, "X", "absolute tolerance (default 1e-5)"),
    CLI_ROW(args, allow_nonfinite, "allow-nonfinite", 0, CLI_FLAG, NULL, "take inputs that hold NaN or infinity"),
    CLI_ROW(args, placement, "placement", 0, CLI_FLAG, NULL,
            "tell where nodes ran, as far as the engine says (-v: each of them)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

/* How many nodes ran where, and in full under -v. */
static void print_nodes(const cli *c, const wt_result *r, const char *at)
{
    for (size_t i = 0; i < wt_result_count(r, "%sdevices", at); i++) {
        const char *device = wt_result_key(r, i, "%sdevices", at);
        printf("%.0f nodes on %s\n", wt_result_number(r, 0, "%sdevices.%s", at, device), device);
    }
    if (!c->common.verbose || !wt_result_count(r, "%snodes", at))
        return;
    cli_table *t = cli_table_new("node\toperator\tdevice\tkernel\tms");
    for (size_t i = 0; i < wt_result_count(r, "%snodes", at); i++)
        cli_table_row(
            t, "%s\t%s\t%s\t%s\t%.4g", wt_result_string(r, "", "%snodes[%zu].name", at, i),
            wt_result_string(r, "", "%snodes[%zu].op", at, i), wt_result_string(r, "", "%snodes[%zu].device", at, i),
            wt_result_string(r, "", "%snodes[%zu].kernel", at, i), wt_result_number(r, 0, "%snodes[%zu].ms", at, i));
    cli_table_print(t, stdout);
}

static void print_one(const cli *c, const wt_result *r, const char *at)
{
    cli_table *t = cli_table_new("output\ttype\tshape\tfile");
    for (size_t i = 0; i < wt_result_count(r, "%soutputs", at); i++)
        cli_table_row(t, "%s\t%s\t%s\t%s", wt_result_string(r, "", "%soutputs[%zu].name", at, i),
                      wt_result_string(r, "", "%soutputs[%zu].dtype", at, i),
                      wt_result_string(r, "", "%soutputs[%zu].text_shape", at, i),
                      wt_result_string(r, "-", "%soutputs[%zu].file", at, i));
    cli_table_print(t, stdout);
    for (size_t i = 0; i < wt_result_count(r, "%sexpect", at); i++) {
        const bool ok = wt_result_true(r, "%sexpect[%zu].ok", at, i);
        printf("%s%s%s %s  max |error| %.3g, relative %.3g%s%s\n", ok ? cli_green(c) : cli_red(c),
               ok ? "as expected" : "DIFFERS", cli_reset(c), wt_result_string(r, "", "%sexpect[%zu].name", at, i),
               wt_result_number(r, 0, "%sexpect[%zu].max_abs", at, i),
               wt_result_number(r, 0, "%sexpect[%zu].max_rel", at, i), ok ? "" : ": ",
               wt_result_string(r, "", "%sexpect[%zu].reason", at, i));
    }
    print_nodes(c, r, at);
}

static void print(cli *c, const wt_result *r)
{
    char at[32];
    if (!wt_result_count(r, "engines"))
        print_one(c, r, "");
    for (size_t k = 0; k < wt_result_count(r, "engines"); k++) {
        snprintf(at, sizeof at, "engines[%zu].", k);
        printf("%s%s%s%s%s\n", cli_bold(c), wt_result_string(r, "", "%sengine", at), cli_reset(c),
               wt_result_has(r, "%soutputs", at) ? "" : ": ",
               wt_result_has(r, "%soutputs", at) ? "" : wt_result_string(r, "", "%sreason", at));
        if (wt_result_has(r, "%soutputs", at))
            print_one(c, r, at);
    }
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_run_options o = wt_run_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.exec.placement = a->placement;
    o.inputs = a->inputs.items;
    o.n_inputs = a->inputs.n;
    o.expects = a->expects.items;
    o.n_expects = a->expects.n;
    o.output_dir = c->common.output;
    o.force = c->common.force;
    o.rtol = a->rtol;
    o.atol = a->atol;
    o.allow_nonfinite = a->allow_nonfinite;
    const wt_status st = wt_run_model(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_run = {
    .name = "run",
    .summary = "runs a model once on files, and checks the results against files",
    .usage = "MODEL --input [NAME=]FILE... [--expect [NAME=]FILE...] [-o DIR]",
    .details = "Inputs without a name are taken in the model's order. -o DIR writes each output as NAME.npy "
               "(characters outside\n"
               "[A-Za-z0-9._-] become '_'). With several engines each has a folder of its own in DIR.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
    .engines = 16,
};
