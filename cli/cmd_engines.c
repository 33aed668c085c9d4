/* cmd_engines.c - whet engines */
#include <string.h>
#include "commands.h"

typedef struct args {
    int no_load;
    double timeout;
} args;

static const cli_option options[] = {
    CLI_ROW(args, no_load, "no-load", 0, CLI_FLAG, NULL,
            "only look for files: no devices, and no word on whether they work"),
    CLI_ROW(args, timeout, "timeout", 0, CLI_TIME, "TIME", "how long loading one may take (default 20s)"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static const char *paint_of(cli *c, const char *status)
{
    return !strcmp(status, "ready") ? cli_green(c) : !strcmp(status, "refused") ? cli_red(c) : cli_yellow(c);
}

static void devices(const wt_result *r, size_t i, char *out, size_t size)
{
    out[0] = 0;
    for (size_t k = 0; k < wt_result_count(r, "engines[%zu].devices", i); k++) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", k ? ", " : "",
                 wt_result_string(r, "", "engines[%zu].devices[%zu]", i, k));
    }
}

static void print_one(cli *c, const wt_result *r, size_t i)
{
    char text[512];
    const char *status = wt_result_string(r, "", "engines[%zu].status", i),
               *version = wt_result_string(r, "", "engines[%zu].version", i),
               *library = wt_result_string(r, "", "engines[%zu].library", i),
               *reason = wt_result_string(r, "", "engines[%zu].reason", i),
               *warning = wt_result_string(r, "", "engines[%zu].warning", i);
    devices(r, i, text, sizeof text);
    printf("%s%-12s%s %s%s%s%s%s%s%s\n", cli_bold(c), wt_result_string(r, "", "engines[%zu].name", i), cli_reset(c),
           paint_of(c, status), status, cli_reset(c), version[0] ? "  " : "", version, text[0] ? "  " : "", text);
    if (library[0])
        printf("             %s (%s)\n", library, wt_result_string(r, "", "engines[%zu].from", i));
    if (reason[0])
        printf("             %s%s%s\n", strcmp(status, "refused") ? cli_dim(c) : cli_red(c), reason, cli_reset(c));
    if (warning[0])
        printf("             %swarning: %s%s\n", cli_yellow(c), warning, cli_reset(c));
    for (size_t k = 0; k < wt_result_count(r, "engines[%zu].others", i); k++)
        printf("             %sthere is also %s %s (%s)%s\n", cli_dim(c),
               wt_result_string(r, "", "engines[%zu].others[%zu].library", i, k),
               wt_result_string(r, "", "engines[%zu].others[%zu].version", i, k),
               wt_result_string(r, "", "engines[%zu].others[%zu].from", i, k), cli_reset(c));
}

static void print(cli *c, const wt_result *r)
{
    for (size_t i = 0; i < wt_result_count(r, "engines"); i++)
        print_one(c, r, i);
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_engines_options o = wt_engines_defaults();
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    o.check = !a->no_load;
    o.timeout_s = a->timeout;
    const wt_status st = wt_engines_list(&result, c->ctx, &o, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_engines = {
    .name = "engines",
    .summary = "lists the engines that can run models here, and why others cannot",
    .usage = "[--no-load]",
    .details =
        "Engines of others are their users' own installations. They are looked for in this order:\n"
        "  1. the file or folder that WHET_ORT_LIB, WHET_OPENVINO_LIB or WHET_LLAMA_LIB names\n"
        "  2. the linker's path: LD_LIBRARY_PATH, the folders of /etc/ld.so.conf, /usr/lib and its like\n"
        "  3. Python's packages: of VIRTUAL_ENV, of CONDA_PREFIX, of the first python3 on PATH, of the user\n"
        "The first one counts, of several in one folder the highest version; the others are listed, too. Each is "
        "loaded in\n"
        "a process of its own, so a library that crashes or hangs is a line here. Where other verbs take "
        "--engine, names\n"
        "may have a variant: openvino:default, onnxruntime:basic. 'all' are those that are found.",
    .options = options,
    .args_size = sizeof(args),
    .run = run,
};
