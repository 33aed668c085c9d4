/* cmd_conformance.c - whet conformance DIR... */
#include <string.h>
#include "commands.h"

typedef struct args {
    const char *only;
    double rtol, atol, range_tol;
} args;

static void defaults(void *p)
{
    const wt_conformance_options o = wt_conformance_defaults();
    *(args *)p = (args){ .rtol = o.rtol, .atol = o.atol };
}

static const cli_option options[] = {
    CLI_ROW(args, only, "only", 0, CLI_TEXT, "GLOB", "cases whose name matches"),
    CLI_ROW(args, rtol, "rtol", 0, CLI_REAL, "X", "relative tolerance (default 1e-3)"),
    CLI_ROW(args, atol, "atol", 0, CLI_REAL, "X", "absolute tolerance (default 1e-7)"),
    CLI_ROW(args, range_tol, "range-tol", 0, CLI_REAL, "X",
            "for floats, instead: tolerance as a part of the range of the expected output"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void print(cli *c, const wt_result *r)
{
    const size_t n = wt_result_count(r, "cases");
    const bool several = wt_result_count(r, "engines") > 1;
    for (size_t i = 0; i < n; i++) {
        const char *status = wt_result_string(r, "", "cases[%zu].status", i);
        const bool passed = !strcmp(status, "passed");
        if (passed && !c->common.verbose)
            continue;
        printf("%s%s%s %s",
               passed           ? cli_green(c)
               : *status == 'f' ? cli_red(c)
                                : cli_yellow(c),
               status, cli_reset(c), wt_result_string(r, "", "cases[%zu].name", i));
        if (several)
            printf(" [%s]", wt_result_string(r, "", "cases[%zu].engine", i));
        if (passed)
            printf("  max |error| %.3g, %.3g of the range\n", wt_result_number(r, 0, "cases[%zu].max_abs", i),
                   wt_result_number(r, 0, "cases[%zu].max_range_error", i));
        else
            printf(": %s\n", wt_result_string(r, "", "cases[%zu].reason", i));
    }
    for (size_t k = 0; several && k < wt_result_count(r, "engines"); k++) {
        const char *engine = wt_result_key(r, k, "engines");
        printf("%s: %.0f passed, %.0f failed, %.0f skipped\n", engine,
               wt_result_number(r, 0, "engines.%s.passed", engine), wt_result_number(r, 0, "engines.%s.failed", engine),
               wt_result_number(r, 0, "engines.%s.skipped", engine));
    }
    printf("%.0f passed, %.0f failed, %.0f skipped\n", wt_result_number(r, 0, "passed"),
           wt_result_number(r, 0, "failed"), wt_result_number(r, 0, "skipped"));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_conformance_options o = wt_conformance_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.exec = cli_exec(c);
    o.dirs = c->inputs;
    o.n_dirs = c->n_inputs;
    o.only = a->only;
    o.rtol = a->rtol;
    o.atol = a->atol;
    o.range_tol = a->range_tol;
    const wt_status st = wt_conformance(&result, c->ctx, &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_conformance = {
    .name = "conformance",
    .summary = "runs folders of the ONNX backend tests' layout and checks the answers",
    .usage = "DIR...",
    .details = "DIR is a case (model.onnx, test_data_set_*/input_*.pb, output_*.pb) or a folder of cases. A case that "
               "needs what the\n"
               "engine does not have is skipped and says which. -v lists the cases that passed, too.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 100000,
    .run = run,
    .engines = 16,
};
