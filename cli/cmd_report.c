/* cmd_report.c - whet report DIR */
#include <spawn.h>
#include <sys/wait.h>
#include "commands.h"
#include "whet/optimize.h"

typedef struct args {
    int open;
} args;

static const cli_option options[] = {
    CLI_ROW(args, open, "open", 0, CLI_FLAG, NULL, "shows it in the browser"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

/* With the opener of the desktop; a machine without one says so, and the report is there all the same. */
static void show(const char *path)
{
#ifdef __APPLE__
    char *const argv[] = { (char *)(uintptr_t) "open", (char *)(uintptr_t)path, NULL };
#else
    char *const argv[] = { (char *)(uintptr_t) "xdg-open", (char *)(uintptr_t)path, NULL };
#endif
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) || waitpid(pid, &status, 0) < 0 || status)
        fprintf(stderr, "whet: warning: %s could not show it; open %s in a browser\n", argv[0], path);
}

static void print(cli *c, const wt_result *r)
{
    printf("%s%s%s\n", cli_bold(c), wt_result_string(r, "", "file"), cli_reset(c));
}

static int run(cli *c)
{
    const args *a = c->args;
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    if (c->common.output)
        return cli_usage(c, "the report is written into the folder itself: -o has no meaning here");
    const wt_status st = wt_report_make(&result, c->ctx, c->inputs[0], c->common.force, &err);
    if (st == WT_OK && a->open)
        show(wt_result_string(result, "", "file"));
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_report = {
    .name = "report",
    .summary = "renders the HTML report of an optimized model again",
    .usage = "DIR [--open]",
    .details = "DIR is what `whet optimize -o DIR` wrote. The page is made from DIR/result.json alone and written to "
               "DIR/report.html: one\n"
               "file without scripts that loads nothing. Exit code 0 whatever the verdict in it.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
