/* cmd_select.c - whet select MODEL --target T */
#include <string.h>
#include "commands.h"
#include "whet/optimize.h"

typedef struct args {
    const char *target, *prefer, *stage, *power, *network;
    cli_list needs;
    int measure;
    double seconds;
} args;

static void defaults(void *p) { *(args *)p = (args){ .target = "this", .prefer = "balanced", .seconds = 2 }; }

#define CHOICE(member, name, arg, help, words)                                                                         \
    {                                                                                                                  \
        name, 0, CLI_CHOICE, offsetof(args, member), arg, help, words                                                  \
    }
static const cli_option options[] = {
    CLI_ROW(args, target, "target", 0, CLI_TEXT, "NAME",
            "this, a profile that comes along (whet hardware --list-targets), or a profile's file (default this)"),
    CHOICE(prefer, "prefer", "WHAT", "what counts most (default balanced)", "speed/accuracy/size/energy/balanced"),
    CHOICE(stage, "for", "STAGE", "what it is for", "prototype/production"),
    CLI_ROW(args, needs, "need", 0, CLI_LIST, "WHAT",
            "cross-platform, enterprise, mobile, real-time, variety or ease; several times"),
    CHOICE(power, "power", "FROM", "what feeds the device (default: as the profile says)", "battery/mains"),
    CHOICE(network, "network", "STATE", "whether the device has one", "offline/online"),
    CLI_ROW(args, measure, "measure", 0, CLI_FLAG, NULL,
            "run the candidates that are found here, and let that overrule the rules of thumb"),
    CLI_ROW(args, seconds, "time", 0, CLI_TIME, "TIME", "measuring time for each candidate (default 2s)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};
#undef CHOICE

static void print_reasons(const wt_result *r, const char *framework)
{
    for (size_t i = 0; i < wt_result_count(r, "reasons"); i++) {
        if (strcmp(wt_result_string(r, "", "reasons[%zu].framework", i), framework) != 0)
            continue;
        const double points = wt_result_number(r, 0, "reasons[%zu].points", i);
        if (points > 0)
            printf("    +%-2.0f %s: %s\n", points, wt_result_string(r, "", "reasons[%zu].because", i),
                   wt_result_string(r, "", "reasons[%zu].reason", i));
        else
            printf("        %s: %s\n", wt_result_string(r, "", "reasons[%zu].because", i),
                   wt_result_string(r, "", "reasons[%zu].reason", i));
    }
}

static void print_candidates(const wt_result *r)
{
    char value[32];
    cli_table *t = cli_table_new("framework\tpoints\tmeasured\tmodel");
    for (size_t i = 0; i < wt_result_count(r, "candidates"); i++) {
        snprintf(value, sizeof value, "-");
        if (wt_result_has(r, "candidates[%zu].measured", i))
            snprintf(value, sizeof value, "%.4g", wt_result_number(r, 0, "candidates[%zu].measured", i));
        const char *state = wt_result_string(r, "", "candidates[%zu].measurement", i);
        cli_table_row(t, "%s\t%.0f\t%s\t%s%s%s%s", wt_result_string(r, "", "candidates[%zu].framework", i),
                      wt_result_number(r, 0, "candidates[%zu].points", i), value,
                      wt_result_true(r, "candidates[%zu].fits", i) ? "" : "no: ",
                      wt_result_string(r, "", "candidates[%zu].why", i), state[0] ? "; " : "", state);
    }
    cli_table_print(t, stdout);
}

static void print_prediction(const wt_result *r)
{
    if (!wt_result_has(r, "prediction.kind"))
        return;
    if (!wt_result_has(r, "prediction.latency_ms")) {
        const char *hint = wt_result_string(r, "", "prediction.hint");
        printf("\nno prediction of latency: %s\n%s%s%s", wt_result_string(r, "", "prediction.reason"),
               hint[0] ? "hint: " : "", hint, hint[0] ? "\n" : "");
        return;
    }
    printf("\nprediction, not a measurement: %s%.4g ms (roofline, peaks: %s)\n",
           wt_result_true(r, "prediction.at_least") ? "at least " : "", wt_result_number(r, 0, "prediction.latency_ms"),
           wt_result_string(r, "", "prediction.peaks"));
    cli_table *t = cli_table_new("kind of work\tin\tsteps\tms\tof the peak\tof the bandwidth");
    for (size_t i = 0; i < wt_result_count(r, "prediction.classes"); i++)
        cli_table_row(t, "%s\t%s\t%.0f\t%.4g\t%.2g\t%.2g", wt_result_string(r, "", "prediction.classes[%zu].class", i),
                      wt_result_string(r, "", "prediction.classes[%zu].precision", i),
                      wt_result_number(r, 0, "prediction.classes[%zu].steps", i),
                      wt_result_number(r, 0, "prediction.classes[%zu].ms", i),
                      wt_result_number(r, 0, "prediction.classes[%zu].compute_fraction", i),
                      wt_result_number(r, 0, "prediction.classes[%zu].bandwidth_fraction", i));
    cli_table_print(t, stdout);
}

static void print(cli *c, const wt_result *r)
{
    const char *primary = wt_result_string(r, "", "primary"), *fallback = wt_result_string(r, "", "fallback");
    printf("primary   %s%s%s%s\n", cli_bold(c), primary, cli_reset(c),
           wt_result_true(r, "overruled") ? " (measured; the prior said otherwise)" : "");
    print_reasons(r, primary);
    if (fallback[0]) {
        printf("fallback  %s\n", fallback);
        print_reasons(r, fallback);
    }
    putchar('\n');
    print_candidates(r);
    print_prediction(r);
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_select_options o = wt_select_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (a->seconds <= 0 || a->seconds > 86400)
        return cli_usage(c, "option '--time': more than nothing, up to a day");
    o.exec = cli_exec(c);
    o.target = a->target;
    o.prefer = a->prefer;
    o.stage = a->stage;
    o.power = a->power;
    o.network = a->network;
    o.needs = a->needs.items;
    o.n_needs = a->needs.n;
    o.measure = a->measure;
    o.seconds = a->seconds;
    const wt_status st = wt_select(&result, c->ctx, c->inputs[0], &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_select = {
    .name = "select",
    .summary = "says which framework suits a model on a device, why, and how long it would take there",
    .usage = "MODEL [--target NAME] [--prefer WHAT] [--for STAGE] [--measure]",
    .details = "What a framework cannot take is out; of the others the rules of thumb of a table choose, and each "
               "reason is shown.\n"
               "--measure runs those that are found and lets the result overrule the rules. For a target that is not "
               "this machine the\n"
               "latency is predicted from the profile's peaks.",
    .options = options,
    .args_size = sizeof(args),
    .defaults = defaults,
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
