/* draw.c - the graph of a model as text, dot or SVG, as it is in the file or behind a pass of the engine. */
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "measure/open_model.h"
#include "whet/run.h"

wt_draw_options wt_draw_defaults(void)
{
    return (wt_draw_options){ .size = sizeof(wt_draw_options), .exec = wt_exec_defaults() };
}

static wt_status check_pass(const char *name, wt_err *err)
{
    for (size_t i = 0; wt_pass_name(i); i++)
        if (!strcmp(wt_pass_name(i), name))
            return WT_OK;
    if (!strcmp(name, "all"))
        return WT_OK;
    const wt_status st = wt_fail(err, WT_EUSAGE, "there is no pass '%s'", name);
    wt_err_hint(err, "whet graph --list-passes names them");
    return st;
}

typedef struct printing {
    wt_outfile *file;
    wt_sink_fn *sink;
    void *user;
    wt_buf text; /* without file and sink */
    uint64_t bytes;
} printing;

static wt_status take(void *arg, const char *bytes, size_t len, wt_err *err)
{
    printing *p = arg;
    p->bytes += len;
    if (p->file)
        return wt_outfile_write(p->file, bytes, len, err);
    if (p->sink)
        return p->sink(p->user, bytes, len, err);
    wt_buf_add(&p->text, bytes, len);
    return wt_buf_status(&p->text, err);
}

static wt_status print_file(const wt_model *m, wt_context *ctx, const wt_draw_options *o, printing *p, wt_err *err)
{
    WT_TRY(wt_outfile_open(&p->file, ctx, o->output, o->force != 0, err));
    const wt_status st = wt_model_print(m, o->form, take, p, err);
    if (st == WT_OK)
        return wt_outfile_commit(p->file, NULL, err);
    wt_outfile_abort(p->file);
    return st;
}

static wt_status describe(wt_result **out, const wt_model *m, wt_context *ctx, const wt_draw_options *o,
                          const printing *p, wt_err *err)
{
    static const char *const forms[] = { "text", "dot", "svg" };
    wt_model_info info;
    json_t *text = p->text.len ? json_stringn(p->text.data, p->text.len) : NULL; /* NULL for what is no UTF-8, too */
    WT_TRY(wt_model_describe(m, &info, err));
    return wt_result_take(out, ctx,
                          json_pack("{s:s, s:o, s:s, s:s*, s:o*, s:o*, s:I, s:I, s:I}", "schema", "whet.graph/1",
                                    "model", wt_json_text(info.path), "form", forms[o->form], "after", o->after, "file",
                                    o->output ? wt_json_text(o->output) : NULL, "text", text, "bytes",
                                    (json_int_t)p->bytes, "nodes", (json_int_t)info.nodes, "subgraphs",
                                    (json_int_t)info.subgraphs),
                          err);
}

static wt_status draw(wt_result **out, wt_model *m, wt_context *ctx, const wt_draw_options *o, wt_sink_fn *sink,
                      void *user, wt_err *err)
{
    printing p = { .sink = sink, .user = user };
    wt_buf_init(&p.text, ctx);
    if (o->after) {
        WT_TRY(wt_model_apply_passes(m, o->after, o->exec.passes_off, o->exec.n_passes_off, err));
        WT_TRY(wt_model_changed(m, err));
    }
    wt_status st = o->output ? print_file(m, ctx, o, &p, err) : wt_model_print(m, o->form, take, &p, err);
    if (st == WT_OK)
        st = describe(out, m, ctx, o, &p, err);
    wt_buf_free(&p.text);
    return st;
}

wt_status wt_draw(wt_result **out, wt_context *ctx, const char *path, const wt_draw_options *o, wt_sink_fn *sink,
                  void *user, wt_err *err)
{
    wt_model *m;
    *out = NULL;
    if (o->after)
        WT_TRY(check_pass(o->after, err));
    if (o->output)
        WT_TRY(wt_refuse_replacing(o->output, path, err));
    WT_TRY(wt_open_with_shapes(&m, ctx, path, &o->exec, err));
    const wt_status st = draw(out, m, ctx, o, sink, user, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    wt_model_close(m);
    return st;
}
