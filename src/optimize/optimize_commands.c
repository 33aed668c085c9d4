/* optimize_commands.c - the command lines that print each number of result.json again.
 *
 * They repeat what the caller said wherever it changes a number, and say what a file in another folder cannot find by
 * itself: the labels beside the original are not beside the artifact. */
#include "base/json.h"
#include "base/str.h"
#include "measure/data.h"
#include "optimize/optimize_impl.h"

/* A word for a shell, whatever is in it. */
static void put_word(wt_buf *b, const char *word)
{
    wt_buf_puts(b, "'");
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            wt_buf_puts(b, "'\\''");
        else
            wt_buf_add(b, p, 1);
    wt_buf_puts(b, "'");
}

static void put_flag(wt_buf *b, const char *flag, const char *value)
{
    if (!value)
        return;
    wt_buf_printf(b, " %s ", flag);
    put_word(b, value);
}

static void put_flags(wt_buf *b, const char *flag, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_flag(b, flag, values[i]);
}

static void put_number(wt_buf *b, const char *flag, double value, double standard)
{
    if (value < standard || value > standard)
        wt_buf_printf(b, " %s %.17g", flag, value);
}

typedef struct lines {
    const wt_optimizer *w;
    const char *labels; /* that the original finds beside it, and the artifact does not */
    json_t *list;
    bool failed;
} lines;

/* Takes the text, which is a command without `whet`. */
static void add_line(lines *l, const char *what, wt_buf *b)
{
    json_t *line = b->failed ? NULL : json_pack("{s:s, s:o}", "what", what, "command", wt_json_text(b->data));
    l->failed |= !line || json_array_append_new(l->list, line);
    wt_buf_free(b);
}

static wt_buf begin(const lines *l, const char *verb, const char *a, const char *b, const char *c)
{
    const char *const files[] = { a, b, c };
    wt_buf out;
    wt_buf_init(&out, l->w->ctx);
    wt_buf_printf(&out, "whet %s", verb);
    for (size_t i = 0; i < WT_ARRAY_LEN(files) && files[i]; i++) {
        wt_buf_puts(&out, " ");
        put_word(&out, files[i]);
    }
    return out;
}

/* What changes every number: the draws, and how the engine computes. */
static void put_common(const lines *l, wt_buf *b)
{
    const wt_exec_options *e = &l->w->o->exec;
    put_number(b, "--seed", (double)wt_context_seed(l->w->ctx), 0);
    put_flags(b, "--no-pass", e->passes_off, e->n_passes_off);
}

static void put_data(const lines *l, wt_buf *b, const char *labels)
{
    const wt_data_options *d = &l->w->o->data;
    put_flag(b, "--data", d->path);
    put_flag(b, "--preprocess", d->preprocess);
    put_flag(b, "--labels", d->labels ? d->labels : labels);
    put_number(b, "--limit", (double)d->limit, 0);
}

static void add_speed(lines *l, int base_threads, int best_threads)
{
    const wt_optimizer *w = l->w;
    wt_buf b = begin(l, "bench", w->model, w->float_path, w->int8_path);
    put_flags(&b, "--input-shape", w->shapes, w->n_shapes);
    put_number(&b, "--threads", base_threads, 0);
    put_common(l, &b);
    add_line(l, "latency and memory", &b);
    if (best_threads != base_threads) {
        b = begin(l, "bench", w->int8_path, NULL, NULL);
        put_flags(&b, "--input-shape", w->shapes, w->n_shapes);
        put_number(&b, "--threads", best_threads, 0);
        put_common(l, &b);
        add_line(l, "latency of the chosen configuration", &b);
    }
    b = begin(l, "profile", w->int8_path, NULL, NULL);
    put_flags(&b, "--input-shape", w->shapes, w->n_shapes);
    put_number(&b, "--threads", w->o->exec.threads, 0);
    put_common(l, &b);
    add_line(l, "where the time goes, roofline", &b);
    b = begin(l, "hardware", NULL, NULL, NULL);
    add_line(l, "the machine", &b);
}

/* Shapes that the caller fixed; those of the samples come from the samples. */
static void put_judged(const lines *l, wt_buf *b, const char *labels)
{
    const wt_exec_options *e = &l->w->o->exec;
    put_data(l, b, labels);
    wt_buf_puts(b, " --part held-out");
    put_flags(b, "--input-shape", e->input_shapes, e->n_input_shapes);
    put_common(l, b);
}

static void add_score(lines *l, const char *what, const char *model, const char *labels)
{
    wt_buf b = begin(l, "evaluate", model, NULL, NULL);
    put_judged(l, &b, labels);
    put_flag(&b, "--metric", l->w->o->metric);
    add_line(l, what, &b);
}

static void add_judgement(lines *l)
{
    const wt_optimizer *w = l->w;
    if (w->labelled) {
        add_score(l, "accuracy of the original", w->model, NULL);
        add_score(l, "accuracy of the artifact", w->int8_path, l->labels);
    }
    wt_buf b = begin(l, "compare", w->model, w->int8_path, NULL);
    put_judged(l, &b, NULL);
    wt_buf_puts(&b, " --layers");
    add_line(l, w->labelled ? "equivalence, layers" : "agreement with the original, equivalence, layers", &b);
}

static void add_all(lines *l)
{
    const wt_optimize_options *o = l->w->o, standard = wt_optimize_defaults();
    wt_buf b = begin(l, "optimize", l->w->model, NULL, NULL);
    put_data(l, &b, NULL);
    put_flag(&b, "-o", l->w->dir);
    put_flag(&b, "--metric", o->metric);
    put_number(&b, "--min-accuracy", o->min_accuracy, standard.min_accuracy);
    put_number(&b, "--min-speedup", o->min_speedup, standard.min_speedup);
    put_number(&b, "--max-memory-ratio", o->max_memory_ratio, standard.max_memory_ratio);
    put_number(&b, "--max-size", (double)o->max_size, 0);
    put_number(&b, "--max-memory", (double)o->max_memory, 0);
    if (o->max_latency_ms > 0)
        wt_buf_printf(&b, " --max-latency %.17gms", o->max_latency_ms);
    if (o->seconds != standard.seconds)
        wt_buf_printf(&b, " --time %.17gs", o->seconds);
    put_flags(&b, "--input-shape", o->exec.input_shapes, o->exec.n_input_shapes);
    put_number(&b, "--threads", o->exec.threads, 0);
    put_common(l, &b);
    wt_buf_puts(&b, " --force");
    add_line(l, "all of it", &b);
}

wt_status wt_optimize_commands(const wt_optimizer *w, int base_threads, int best_threads, json_t **out, wt_err *err)
{
    char *labels;
    WT_TRY(wt_data_labels_beside(w->ctx, w->model, &labels, err));
    lines l = { .w = w, .labels = labels, .list = json_array() };
    l.failed = !l.list;
    add_speed(&l, base_threads, best_threads);
    add_judgement(&l);
    add_all(&l);
    wt_free(w->ctx, labels);
    *out = l.list;
    if (!l.failed)
        return WT_OK;
    json_decref(l.list);
    *out = NULL;
    return wt_fail(err, WT_ENOMEM, "no memory for the commands of the result");
}
