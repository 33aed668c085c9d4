/* help.c - help and the manual, printed from the rows that parsing uses. */
#include <string.h>
#include "cli.h"

void cli_print_usage(FILE *out)
{
    fputs("whet - makes neural networks smaller and faster for edge devices, and proves it\n\n"
          "usage: whet VERB [options] INPUT...\n\nverbs:\n",
          out);
    for (const cli_verb *const *v = cli_verbs; *v; v++)
        if (!(*v)->hidden)
            fprintf(out, "  %-12s %s\n", (*v)->name, (*v)->summary);
    fputs("\n'whet help VERB' explains one. Exit codes: 0 done, 1 a verdict failed, 2 wrong usage, 3 malformed or\n"
          "unsupported input, 4 out of a resource, 5 a defect of whet, 130 interrupted.\n",
          out);
}

static void option_name(const cli_option *o, char *out, size_t size)
{
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(out, size, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static void print_options(FILE *out, const cli_option *rows)
{
    char name[96];
    for (const cli_option *o = rows; o && o->name; o++) {
        option_name(o, name, sizeof name);
        if (strlen(name) > 30)
            fprintf(out, "  %s\n  %-30s  %s\n", name, "", o->help);
        else
            fprintf(out, "  %-30s  %s\n", name, o->help);
    }
}

void cli_print_help(FILE *out, const cli_verb *v)
{
    fprintf(out, "whet %s - %s\n\nusage: whet %s %s\n", v->name, v->summary, v->name, v->usage);
    if (v->details)
        fprintf(out, "\n%s\n", v->details);
    if (v->options) {
        fputs("\noptions:\n", out);
        print_options(out, v->options);
    }
    fputs("\ncommon options:\n", out);
    print_options(out, cli_common_options);
}

/* --- the manual page (man macros of groff) ---------------------------------------------------------------------------
 */
static void man_text(FILE *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", out);
    for (; *s; s++) {
        if (*s == '\\')
            fputs("\\e", out);
        else if (*s == '-')
            fputs("\\-", out);
        else
            fputc(*s, out);
        if (*s == '\n' && (s[1] == '.' || s[1] == '\''))
            fputs("\\&", out);
    }
}

static void man_options(FILE *out, const cli_option *rows)
{
    char name[96];
    for (const cli_option *o = rows; o && o->name; o++) {
        const char *p;
        option_name(o, name, sizeof name);
        for (p = name; *p == ' '; p++)
            ;
        fputs(".TP\n.B ", out);
        man_text(out, p);
        fputs("\n", out);
        man_text(out, o->help);
        fputs("\n", out);
    }
}

static const char man_tail[] =
    ".SH EXIT STATUS\n.TP\n.B 0\ndone, and every gate passed\n.TP\n.B 1\na verdict failed: gate, comparison, "
    "conformance, check\n"
    ".TP\n.B 2\nwrong usage\n.TP\n.B 3\nthe input is malformed or not supported\n.TP\n.B 4\nout of a resource: memory, "
    "disk, "
    "permission, time limit\n.TP\n.B 5\na defect of whet\n.TP\n.B 130\ninterrupted; what was done is kept\n"
    ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours\n.TP\n.B WHET_CPU_MASK\nas \\-\\-cpu\\-mask\n";

void cli_print_man(FILE *out)
{
    fprintf(out, ".TH WHET 1 \"\" \"whet %s\" \"User Commands\"\n", wt_version());
    fputs(".SH NAME\nwhet \\- makes neural networks smaller and faster for edge devices, and proves it\n"
          ".SH SYNOPSIS\n.B whet\n.I VERB\n[options] INPUT...\n.SH DESCRIPTION\n"
          "Takes a trained model and a target device, makes the model smaller and faster, and measures every artifact "
          "against the original.\nA gate that fails makes the command fail.\n.SH COMMON OPTIONS\n",
          out);
    man_options(out, cli_common_options);
    fputs(".SH VERBS\n", out);
    for (const cli_verb *const *v = cli_verbs; *v; v++) {
        if ((*v)->hidden)
            continue;
        fputs(".SS ", out);
        man_text(out, (*v)->name);
        fputs(" ", out);
        man_text(out, (*v)->usage);
        fputs("\n", out);
        man_text(out, (*v)->summary);
        fputs(".\n", out);
        if ((*v)->details) {
            fputs(".PP\n", out);
            man_text(out, (*v)->details);
            fputs("\n", out);
        }
        man_options(out, (*v)->options);
    }
    fputs(man_tail, out);
}

int cli_help_run(cli *c)
{
    if (!c->n_inputs) {
        cli_print_usage(stdout);
        return cli_flush();
    }
    const cli_verb *v = cli_find_verb(c->inputs[0]);
    if (!v)
        return cli_usage(c, "there is no verb '%s'; 'whet help' lists them", c->inputs[0]);
    cli_print_help(stdout, v);
    return cli_flush();
}
