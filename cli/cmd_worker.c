/* cmd_worker.c - whet worker: the process that `bench` measures a model in. It answers requests on standard input. */
#include <signal.h>
#include <unistd.h>
#include "commands.h"

static int run(cli *c)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    /* What other people's libraries print goes to standard error: standard output is the line to whoever asks. */
    const int line = dup(STDOUT_FILENO);
    if (line < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return cli_usage(c, "the worker has no descriptors left");
    const wt_status st = wt_worker_serve(c->ctx, STDIN_FILENO, line, &err);
    close(line);
    return st == WT_OK ? 0 : cli_fail(c, st, &err);
}

const cli_verb cmd_worker = {
    .name = "worker",
    .summary = "serves one model to the program that started it, in frames on standard input and output",
    .usage = "",
    .run = run,
    .hidden = true,
};
