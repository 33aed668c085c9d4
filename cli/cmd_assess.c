/* cmd_assess.c - whet assess MODEL */
#include <string.h>
#include "commands.h"

typedef struct args {
    int ctx;
    const char *kv;
} args;

static const cli_option options[] = {
    CLI_ROW(args, ctx, "ctx", 0, CLI_COUNT, "N",
            "tokens that the memory of a language model is told for (default 4096)"),
    { "kv", 0, CLI_CHOICE, offsetof(args, kv), "TYPE", "how its keys and values are stored (default: f16)",
      "f32/f16/q8_0/q4_0" },
    { NULL, 0, CLI_FLAG, 0, NULL, NULL, NULL },
};

static void line(cli *c, const char *label, const char *text)
{
    if (text && text[0])
        printf("%s%-12s%s %s\n", cli_bold(c), label, cli_reset(c), text);
}

static void print_head(cli *c, const wt_result *r)
{
    char text[256];
    snprintf(text, sizeof text, "%s", wt_result_string(r, "", "format"));
    for (size_t i = 0; i < wt_result_count(r, "opset"); i++) {
        const char *domain = wt_result_string(r, "", "opset[%zu].domain", i);
        snprintf(text + strlen(text), sizeof text - strlen(text), ", %s %.0f", domain[0] ? domain : "ai.onnx",
                 wt_result_number(r, 0, "opset[%zu].version", i));
    }
    line(c, "model", wt_result_string(r, "", "model"));
    line(c, "format", text);
    line(c, "producer", wt_result_string(r, "", "producer"));
}

static void print_sizes(cli *c, const wt_result *r)
{
    char text[256], a[32], b[32];
    snprintf(text, sizeof text, "%s parameters, %s of files",
             cli_count(wt_result_number(r, 0, "parameters"), a, sizeof a),
             cli_bytes(wt_result_number(r, 0, "size_bytes"), b, sizeof b));
    line(c, "size", text);
    text[0] = 0;
    for (size_t i = 0; i < wt_result_count(r, "dtypes"); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", i ? ", " : "",
                 wt_result_string(r, "", "dtypes[%zu].dtype", i),
                 cli_bytes(wt_result_number(r, 0, "dtypes[%zu].bytes", i), a, sizeof a));
    line(c, "constants", text);
    const double unknown = wt_result_number(r, 0, "macs_unknown"), open = wt_result_number(r, 0, "activation_unknown");
    snprintf(text, sizeof text, "%s multiply-adds a run of batch 1",
             cli_count(wt_result_number(r, 0, "macs"), a, sizeof a));
    if (unknown > 0)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 ", and %.0f nodes of unknown shape (--input-shape fixes them)", unknown);
    line(c, "work", text);
    snprintf(text, sizeof text, "%s at most at once",
             cli_bytes(wt_result_number(r, 0, "activation_peak_bytes"), a, sizeof a));
    if (open > 0)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", and %.0f values of unknown shape", open);
    line(c, "activations", text);
}

/* What only language models have. */
static void print_language(cli *c, const wt_result *r)
{
    char text[256], a[32], b[32], d[32], e[32];
    if (!wt_result_has(r, "architecture"))
        return;
    snprintf(text, sizeof text, "%s: %.0f layers of %.0f, %.0f heads (%.0f for keys and values), vocabulary %.0f",
             wt_result_string(r, "?", "architecture"), wt_result_number(r, 0, "layers"),
             wt_result_number(r, 0, "width"), wt_result_number(r, 0, "heads"), wt_result_number(r, 0, "kv_heads"),
             wt_result_number(r, 0, "vocabulary"));
    line(c, "language", text);
    text[0] = 0;
    for (size_t i = 0; i < wt_result_count(r, "quantization"); i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.0f %s", i ? ", " : "",
                 wt_result_number(r, 0, "quantization[%zu].tensors", i),
                 wt_result_string(r, "", "quantization[%zu].dtype", i));
    snprintf(text + strlen(text), sizeof text - strlen(text), ": %.2f bits per weight",
             wt_result_number(r, 0, "bits_per_weight"));
    line(c, "weights", text);
    snprintf(text, sizeof text, "%s for %.0f tokens: weights %s, keys and values %s, scratch %s",
             cli_bytes(wt_result_number(r, 0, "memory.total_bytes"), a, sizeof a),
             wt_result_number(r, 0, "memory.context"),
             cli_bytes(wt_result_number(r, 0, "memory.weights_bytes"), b, sizeof b),
             cli_bytes(wt_result_number(r, 0, "memory.kv_bytes"), d, sizeof d),
             cli_bytes(wt_result_number(r, 0, "memory.scratch_bytes"), e, sizeof e));
    line(c, "memory", text);
    snprintf(text, sizeof text, "%.0f tokens at most; %s a token of keys and values",
             wt_result_number(r, 0, "context_length"),
             cli_bytes(wt_result_number(r, 0, "kv_bytes_per_token"), a, sizeof a));
    line(c, "context", text);
}

static void print_values(cli *c, const wt_result *r, const char *list, const char *label)
{
    const size_t n = wt_result_count(r, "%s", list), shown = c->common.verbose || n < 14 ? n : 8;
    for (size_t i = 0; i < shown; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s  %s %s", wt_result_string(r, "", "%s[%zu].name", list, i),
                 wt_result_string(r, "", "%s[%zu].dtype", list, i),
                 wt_result_string(r, "", "%s[%zu].text_shape", list, i));
        line(c, i ? "" : label, text);
    }
    if (shown < n)
        printf("%s             and %zu more; -v shows all%s\n", cli_dim(c), n - shown, cli_reset(c));
}

static void print_operators(cli *c, const wt_result *r)
{
    const size_t n = wt_result_count(r, "operators"), shown = c->common.verbose || n < 14 ? n : 12;
    const double macs = wt_result_number(r, 0, "macs");
    char a[32];
    cli_table *t = cli_table_new(macs > 0 ? "operator\tcount\tmultiply-adds\tshare" : "operator\tcount");
    for (size_t i = 0; i < shown; i++) {
        char name[300];
        const char *domain = wt_result_string(r, "", "operators[%zu].domain", i);
        const double own = wt_result_number(r, 0, "operators[%zu].macs", i),
                     count = wt_result_number(r, 0, "operators[%zu].count", i);
        snprintf(name, sizeof name, "%s%s%s%s", domain, domain[0] ? ":" : "",
                 wt_result_string(r, "", "operators[%zu].op", i),
                 wt_result_true(r, "operators[%zu].known", i) ? "" : " (unknown)");
        if (own > 0)
            cli_table_row(t, "%s\t%.0f\t%s\t%.1f %%", name, count, cli_count(own, a, sizeof a), 100 * own / macs);
        else
            cli_table_row(t, macs > 0 ? "%s\t%.0f\t-\t-" : "%s\t%.0f", name, count);
    }
    putchar('\n');
    cli_table_print(t, stdout);
    if (shown < n)
        printf("%sand %zu more; -v shows all%s\n", cli_dim(c), n - shown, cli_reset(c));
}

static void print_obstacles(cli *c, const wt_result *r, const char *engine)
{
    for (size_t k = 0; k < wt_result_count(r, "engines.%s.obstacles", engine); k++) {
        const char *op = wt_result_string(r, "", "engines.%s.obstacles[%zu].op", engine, k);
        const double count = wt_result_number(r, 1, "engines.%s.obstacles[%zu].count", engine, k);
        const char *node = wt_result_string(r, "", "engines.%s.obstacles[%zu].node", engine, k);
        printf("%s    %s%s%s%s%s", cli_dim(c), op, op[0] ? ": " : "",
               wt_result_string(r, "", "engines.%s.obstacles[%zu].reason", engine, k), node[0] ? ", " : "", node);
        if (count > 1)
            printf(" (%.0f nodes)", count);
        printf("%s\n", cli_reset(c));
    }
}

static void print_engines(cli *c, const wt_result *r)
{
    printf("\nwho can run it\n");
    for (size_t i = 0; i < wt_result_count(r, "engines"); i++) {
        const char *name = wt_result_key(r, i, "engines"), *fit = wt_result_string(r, "", "engines.%s.fit", name);
        const bool runs = !strcmp(fit, "runs"), no = !strcmp(fit, "no");
        printf("  %-12s %s%s%s", name,
               runs ? cli_green(c)
               : no ? cli_red(c)
                    : cli_yellow(c),
               runs ? "yes"
               : no ? "no"
                    : "after conversion",
               cli_reset(c));
        if (wt_result_string(r, "", "engines.%s.version", name)[0])
            printf("%s  (what is known of version %s)%s", cli_dim(c),
                   wt_result_string(r, "", "engines.%s.version", name), cli_reset(c));
        if (wt_result_has(r, "engines.%s.unchecked", name))
            printf("%s  by its operators; not compiled: %s%s", cli_dim(c),
                   wt_result_string(r, "", "engines.%s.unchecked", name), cli_reset(c));
        putchar('\n');
        print_obstacles(c, r, name);
    }
}

static void print_metadata(cli *c, const wt_result *r)
{
    for (size_t i = 0; i < wt_result_count(r, "metadata"); i++) {
        const char *value = wt_result_string(r, "", "metadata[%zu].value", i);
        const double bytes = wt_result_number(r, 0, "metadata[%zu].bytes", i);
        const int shown = (int)strcspn(value, "\n") > 60 ? 60 : (int)strcspn(value, "\n");
        char text[256];
        if (shown == (int)bytes)
            snprintf(text, sizeof text, "%s = %s", wt_result_string(r, "", "metadata[%zu].key", i), value);
        else
            snprintf(text, sizeof text, "%s (%.0f bytes)", wt_result_string(r, "", "metadata[%zu].key", i), bytes);
        line(c, i ? "" : "metadata", text);
    }
}

static void print(cli *c, const wt_result *r)
{
    print_head(c, r);
    print_sizes(c, r);
    print_language(c, r);
    print_metadata(c, r);
    print_values(c, r, "inputs", "inputs");
    print_values(c, r, "outputs", "outputs");
    print_operators(c, r);
    print_engines(c, r);
}

static int run(cli *c)
{
    wt_result *result = NULL;
    wt_err err = { .offset = WT_NO_OFFSET };
    const args *a = c->args;
    wt_exec_options exec = cli_exec(c);
    exec.context = a->ctx;
    exec.kv_dtype = cli_kv_dtype(a->kv);
    const wt_status st = wt_assess(&result, c->ctx, c->inputs[0], &exec, &err);
    return cli_finish(c, st, &err, result, print);
}

const cli_verb cmd_assess = {
    .name = "assess",
    .summary = "says what a model is: size, operators, work, memory, and who can run it",
    .usage = "MODEL [--input-shape NAME=1x3x224x224]",
    .details = "Nothing is run. Work and memory need known shapes; --input-shape fixes what the model leaves open.",
    .options = options,
    .args_size = sizeof(args),
    .min_inputs = 1,
    .max_inputs = 1,
    .run = run,
};
