/* options.c - the command line against the rows. Every refusal says what was expected. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

const cli_option cli_common_options[] = {
    CLI_ROW(cli_common, json, "json", 0, CLI_FLAG, NULL, "one JSON document on standard output, nothing else there"),
    CLI_ROW(cli_common, output, "output", 'o', CLI_TEXT, "PATH", "where to write"),
    CLI_ROW(cli_common, force, "force", 'f', CLI_FLAG, NULL, "overwrite what is there"),
    CLI_ROW(cli_common, threads, "threads", 0, CLI_COUNT, "N",
            "compute threads (default: cores of the affinity mask and cgroup quota)"),
    CLI_ROW(cli_common, engine, "engine", 0, CLI_TEXT, "NAME[,NAME]",
            "what runs the model: native, onnxruntime, openvino:default, ... or all (see whet engines)"),
    CLI_ROW(cli_common, memory_limit, "memory-limit", 0, CLI_SIZE, "SIZE",
            "refuse up front what cannot fit (for example 512M)"),
    CLI_ROW(cli_common, seed, "seed", 0, CLI_INT, "N", "seed of every random choice (default 0)"),
    CLI_ROW(cli_common, input_shapes, "input-shape", 0, CLI_LIST, "NAME=1x3x224x224", "fixes a symbolic dimension"),
    CLI_ROW(cli_common, passes_off, "no-pass", 0, CLI_LIST, "PASS",
            "leaves out a graph pass (see whet graph --list-passes)"),
    CLI_ROW(cli_common, cpu_mask, "cpu-mask", 0, CLI_TEXT, "LEVEL",
            "kernels up to this level only: c, avx2, avx512, avx512vnni"),
    CLI_ROW(cli_common, quiet, "quiet", 'q', CLI_FLAG, NULL, "errors only"),
    CLI_ROW(cli_common, verbose, "verbose", 'v', CLI_FLAG, NULL, "say more"),
    CLI_ROW(cli_common, no_progress, "no-progress", 0, CLI_FLAG, NULL, "no progress display"),
    { "color", 0, CLI_CHOICE, offsetof(cli_common, color), "WHEN", "auto, always or never", "auto/always/never" },
    CLI_ROW(cli_common, help, "help", 'h', CLI_FLAG, NULL, "this help"),
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static bool parse_int(const char *text, int *out)
{
    char *end;
    errno = 0;
    const long v = strtol(text, &end, 10);
    if (end == text || *end || errno || v < -2147483647L || v > 2147483647L)
        return false;
    *out = (int)v;
    return true;
}

typedef struct unit {
    const char *name;
    double factor;
} unit;

static bool parse_unit(const char *text, const unit *units, double *out)
{
    char *end;
    errno = 0;
    const double v = strtod(text, &end);
    if (end == text || errno || !isfinite(v))
        return false;
    while (*end == ' ')
        end++;
    for (const unit *u = units; u->name; u++)
        if (!strcmp(end, u->name)) {
            *out = v * u->factor;
            return true;
        }
    return false;
}

static bool parse_size(const char *text, uint64_t *out)
{
    static const unit units[] = { { "", 1 },       { "B", 1 },         { "k", 1e3 },          { "K", 1e3 },
                                  { "kB", 1e3 },   { "KB", 1e3 },      { "M", 1e6 },          { "MB", 1e6 },
                                  { "G", 1e9 },    { "GB", 1e9 },      { "T", 1e12 },         { "TB", 1e12 },
                                  { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }, { NULL, 0 } };
    double v;
    if (!parse_unit(text, units, &v) || v < 0 || v > 1e18)
        return false;
    *out = (uint64_t)v;
    return true;
}

static bool parse_time(const char *text, double *out)
{
    static const unit units[] = { { "", 1 },   { "s", 1 },    { "ms", 1e-3 }, { "us", 1e-6 },
                                  { "m", 60 }, { "min", 60 }, { "h", 3600 },  { NULL, 0 } };
    return parse_unit(text, units, out) && *out >= 0;
}

static bool in_choices(const char *text, const char *choices)
{
    const size_t len = strlen(text);
    for (const char *p = choices; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (!strncmp(p, text, len) && (p[len] == '/' || !p[len]))
            return true;
    return false;
}

static bool list_add(cli_list *list, const char *text)
{
    const char **more = realloc(list->items, (list->n + 1) * sizeof *more);
    if (!more)
        return false;
    list->items = more;
    list->items[list->n++] = text;
    return true;
}

/* NULL when the value was taken, else what was expected. */
static const char *take_value(const cli_option *o, void *var, const char *text)
{
    double real;
    int count;
    char *end;
    switch (o->kind) {
    case CLI_FLAG: *(int *)var = 1; return NULL;
    case CLI_TEXT: *(const char **)var = text; return NULL;
    case CLI_LIST: return list_add(var, text) ? NULL : "more memory";
    case CLI_INT: return parse_int(text, var) ? NULL : "a whole number";
    case CLI_COUNT:
        if (!parse_int(text, &count) || count < 0)
            return "a whole number, not negative,";
        *(int *)var = count;
        return NULL;
    case CLI_REAL:
        real = strtod(text, &end);
        if (end == text || *end || !isfinite(real))
            return "a number";
        *(double *)var = real;
        return NULL;
    case CLI_SIZE: return parse_size(text, var) ? NULL : "a size such as 512M or 2GiB";
    case CLI_TIME: return parse_time(text, var) ? NULL : "a time such as 500ms, 30s or 10min";
    case CLI_CHOICE:
        if (!in_choices(text, o->choices))
            return o->choices;
        *(const char **)var = text;
        return NULL;
    }
    return "something else";
}

static const cli_option *find_option(const cli_option *rows, const char *name, size_t len, char letter)
{
    for (const cli_option *o = rows; o && o->name; o++)
        if (letter ? o->letter == letter : strlen(o->name) == len && !strncmp(o->name, name, len))
            return o;
    return NULL;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    const size_t n = strlen(b) < 63 ? strlen(b) : 63;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t up = row[j], cost = diagonal + (a[i - 1] != b[j - 1]);
            size_t best = up + 1 < row[j - 1] + 1 ? up + 1 : row[j - 1] + 1;
            row[j] = cost < best ? cost : best;
            diagonal = up;
        }
    }
    return row[n];
}

static int unknown_option(cli *c, const char *text)
{
    const cli_option *rows[2] = { c->verb->options, cli_common_options };
    const char *best = NULL;
    size_t least = 4;
    for (int k = 0; k < 2; k++)
        for (const cli_option *o = rows[k]; o && o->name; o++)
            if (distance(o->name, text) < least) {
                least = distance(o->name, text);
                best = o->name;
            }
    if (best)
        return cli_usage(c, "unknown option '--%s'; did you mean '--%s'?", text, best);
    return cli_usage(c, "unknown option '--%s'; 'whet help %s' lists the options", text, c->verb->name);
}

static int take_option(cli *c, const char *name, size_t len, char letter, const char *value, bool *used_next,
                       const char *next)
{
    char shown[64];
    void *base = c->args;
    const cli_option *o = find_option(c->verb->options, name, len, letter);
    if (!o) {
        o = find_option(cli_common_options, name, len, letter);
        base = &c->common;
    }
    snprintf(shown, sizeof shown, letter ? "%.*s" : "--%.*s", (int)len, name);
    if (!o && letter)
        return cli_usage(c, "unknown option '-%c'; 'whet help %s' lists the options", letter, c->verb->name);
    if (!o)
        return unknown_option(c, shown + 2);
    if (o->kind == CLI_FLAG && value)
        return cli_usage(c, "option '--%s' takes no value", o->name);
    if (o->kind != CLI_FLAG && !value) {
        if (!next)
            return cli_usage(c, "option '--%s' needs a value: %s", o->name, o->arg);
        value = next;
        *used_next = true;
    }
    const char *expected = take_value(o, (char *)base + o->offset, value);
    if (expected)
        return cli_usage(c, "option '--%s': '%s' was given, %s was expected", o->name, value, expected);
    return 0;
}

/* One argument that begins with '-'. */
static int take_dashed(cli *c, const char *arg, const char *next, bool *used_next)
{
    if (arg[1] == '-') {
        const char *eq = strchr(arg, '=');
        const size_t len = eq ? (size_t)(eq - arg - 2) : strlen(arg + 2);
        return take_option(c, arg + 2, len, 0, eq ? eq + 1 : NULL, used_next, next);
    }
    for (const char *p = arg + 1; *p; p++) {
        const cli_option *own = find_option(c->verb->options, NULL, 0, *p),
                         *o = own ? own : find_option(cli_common_options, NULL, 0, *p);
        const char *value = o && o->kind != CLI_FLAG && p[1] ? p + 1 : NULL;
        const int code = take_option(c, p, 1, *p, value, used_next, next);
        if (code || value || *used_next)
            return code;
    }
    return 0;
}

static int check_counts(cli *c)
{
    const cli_verb *v = c->verb;
    if (c->common.help)
        return 0;
    if (c->n_inputs < v->min_inputs)
        return cli_usage(c, "not enough arguments: whet %s %s", v->name, v->usage);
    if (v->min_inputs && !c->inputs[0][0])
        return cli_usage(c, "the first argument is empty: whet %s %s", v->name, v->usage);
    if (c->n_inputs > v->max_inputs)
        return cli_usage(c, "'%s' is one argument too many: whet %s %s", c->inputs[v->max_inputs], v->name, v->usage);
    if (c->common.threads < 0 || c->common.threads > 1024)
        return cli_usage(c, "option '--threads': 1 to 1024 were expected");
    return 0;
}

int cli_parse(cli *c, int argc, char **argv)
{
    bool only_inputs = false;
    c->args = calloc(1, c->verb->args_size ? c->verb->args_size : 1);
    c->inputs = calloc((size_t)argc + 1, sizeof *c->inputs);
    if (!c->args || !c->inputs)
        return cli_usage(c, "out of memory");
    if (c->verb->defaults)
        c->verb->defaults(c->args);
    for (int i = 0; i < argc; i++) {
        bool used_next = false;
        if (!only_inputs && !strcmp(argv[i], "--")) {
            only_inputs = true;
        } else if (!only_inputs && argv[i][0] == '-' && argv[i][1]) {
            const int code = take_dashed(c, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next);
            if (code)
                return code;
        } else {
            c->inputs[c->n_inputs++] = argv[i];
        }
        i += used_next;
    }
    return check_counts(c);
}

void cli_free(cli *c)
{
    const cli_option *rows[2] = { c->verb ? c->verb->options : NULL, cli_common_options };
    void *base[2] = { c->args, &c->common };
    for (int k = 0; k < 2; k++)
        for (const cli_option *o = rows[k]; o && o->name && base[k]; o++)
            if (o->kind == CLI_LIST)
                free(((cli_list *)(void *)((char *)base[k] + o->offset))->items);
    free(c->args);
    free(c->inputs);
}

wt_dtype cli_kv_dtype(const char *name)
{
    static const struct {
        const char *name;
        wt_dtype dtype;
    } known[] = { { "f32", WT_F32 }, { "f16", WT_F16 }, { "q8_0", WT_Q8_0 }, { "q4_0", WT_Q4_0 } };
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            return known[i].dtype;
    return WT_F16;
}

wt_exec_options cli_exec(const cli *c)
{
    wt_exec_options e = wt_exec_defaults();
    e.threads = c->common.threads;
    e.input_shapes = c->common.input_shapes.items;
    e.n_input_shapes = c->common.input_shapes.n;
    e.passes_off = c->common.passes_off.items;
    e.n_passes_off = c->common.passes_off.n;
    e.engine = c->verb->engines ? c->common.engine : NULL;
    return e;
}
