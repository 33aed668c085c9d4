/* main.c - the table of verbs, and the way from the command line to one of them. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "commands.h"

static const cli_verb help_verb = {
    .name = "help",
    .summary = "explains the program or one verb",
    .usage = "[VERB]",
    .max_inputs = 1,
    .run = cli_help_run,
};

static int man_run(cli *c)
{
    (void)c;
    cli_print_man(stdout);
    return cli_flush();
}

static const cli_verb man_verb = {
    .name = "man-page", .summary = "prints the manual page", .usage = "", .run = man_run, .hidden = true
};

const cli_verb *const cli_verbs[] = {
#define VERB(name) &cmd_##name,
#include "commands.def"
#undef VERB
    &help_verb,
    &man_verb,
    NULL,
};

const cli_verb *cli_find_verb(const char *name)
{
    for (const cli_verb *const *v = cli_verbs; *v; v++)
        if (!strcmp((*v)->name, name))
            return *v;
    return NULL;
}

/* The only mutable global: a signal handler has no argument. */
static wt_context *interrupted_context;

static void on_signal(int number)
{
    (void)number;
    if (interrupted_context)
        wt_context_cancel(interrupted_context);
}

static void set_colors(cli *c)
{
    const char *when = c->common.color ? c->common.color : "auto", *term = getenv("TERM");
    const bool plain = getenv("NO_COLOR") || (term && !strcmp(term, "dumb"));
    const bool always = !strcmp(when, "always"), maybe = !strcmp(when, "auto") && !plain;
    c->color_out = always || (maybe && isatty(STDOUT_FILENO));
    c->color_err = always || (maybe && isatty(STDERR_FILENO));
    c->progress_on_terminal = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
}

static int open_context(cli *c)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    wt_context_options o = wt_context_defaults();
    const char *mask = c->common.cpu_mask ? c->common.cpu_mask : getenv("WHET_CPU_MASK");
    o.threads = c->common.threads;
    o.memory_limit = c->common.memory_limit;
    o.seed = (uint64_t)c->common.seed;
    o.log = cli_log;
    o.progress = cli_progress_sink;
    o.user = c;
    if (mask && *mask && !(o.cpu_mask = wt_cpu_levels(mask)))
        return cli_usage(c, "CPU level '%s' is not known: c, sse4.2, avx2, avx512, avx512vnni, ... were expected",
                         mask);
    const wt_status st = wt_context_open(&c->ctx, &o, &err);
    return st == WT_OK ? 0 : cli_fail(c, st, &err);
}

/* Whether the verb takes what --engine says. */
static int check_engine(cli *c)
{
    const char *names = c->common.engine;
    wt_err err = { .offset = WT_NO_OFFSET };
    size_t n = 0;
    int foreign = 0;
    if (!names || (!c->verb->engines && !strcmp(names, "all")))
        return 0;
    const wt_status st = wt_engines_check(c->ctx, names, &n, &foreign, &err);
    if (st != WT_OK)
        return cli_fail(c, st, &err);
    if (foreign && !c->verb->engines)
        return cli_usage(c, "'%s' works with whet's own engine only, not with --engine %s", c->verb->name, names);
    if (c->verb->engines && n > (size_t)c->verb->engines)
        return cli_usage(c, "'%s' takes %d engine%s at once, --engine %s names %zu", c->verb->name, c->verb->engines,
                         c->verb->engines > 1 ? "s" : "", names, n);
    return 0;
}

static int run_verb(cli *c, int argc, char **argv)
{
    int code = cli_parse(c, argc, argv);
    if (code)
        return code;
    set_colors(c);
    if (c->common.help) {
        cli_print_help(stdout, c->verb);
        return cli_flush();
    }
    if ((code = open_context(c)) != 0)
        return code;
    interrupted_context = c->ctx;
    struct sigaction act = { .sa_handler = on_signal };
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    code = check_engine(c);
    if (!code)
        code = c->verb->run(c);
    interrupted_context = NULL;
    wt_context_close(c->ctx);
    return code;
}

int main(int argc, char **argv)
{
    cli c = { 0 };
    if (argc < 2) {
        cli_print_usage(stderr);
        return wt_status_exit_code(WT_EUSAGE);
    }
    const char *name = argv[1];
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("whet %s\n", wt_version());
        return cli_flush();
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    c.verb = cli_find_verb(name);
    if (!c.verb)
        return cli_usage(&c, "there is no verb '%s'; 'whet help' lists them", name);
    const int code = run_verb(&c, argc - 2, argv + 2);
    cli_progress_end(&c);
    free(c.progress);
    cli_free(&c);
    return code;
}
