/* more_outputs.c - see more_outputs.h. */
#include "model/formats/onnx/more_outputs.h"
#include "base/file.h"
#include "proto.h"
#include "wire_out.h"

static void put_part(wt_pb_out *out, const char *const *names, size_t n)
{
    wt_pb_begin(out, MODEL_GRAPH);
    for (size_t i = 0; i < n; i++) {
        wt_pb_begin(out, GRAPH_OUTPUT);
        wt_pb_put_text(out, INFO_NAME, names[i]);
        wt_pb_end(out);
    }
    wt_pb_end(out);
}

static wt_status make_part(wt_buf *buf, wt_context *ctx, const char *const *names, size_t n, wt_err *err)
{
    wt_pb_out out;
    wt_pb_out_init(&out, ctx, err);
    put_part(&out, names, n);
    wt_pb_out_write(&out, NULL, buf);
    put_part(&out, names, n);
    const wt_status st = out.st;
    wt_pb_out_free(&out);
    return st == WT_OK ? wt_buf_status(buf, err) : st;
}

wt_status wt_onnx_with_outputs(uint8_t **out, size_t *len, wt_context *ctx, const char *path, const char *const *names,
                               size_t n, wt_err *err)
{
    wt_map file = { 0 };
    wt_buf part;
    size_t total = 0;
    *out = NULL;
    WT_TRY(wt_map_open(&file, ctx, path, err));
    wt_buf_init(&part, ctx);
    wt_status st = make_part(&part, ctx, names, n, err);
    if (st == WT_OK && wt_add_overflows((size_t)file.size, part.len, &total))
        st = wt_fail(err, WT_ENOMEM, "the file is too large for a copy in memory");
    if (st == WT_OK && !(*out = wt_alloc_raw(ctx, total, 1, err)))
        st = WT_ENOMEM;
    if (st == WT_OK) {
        if (file.size)
            memcpy(*out, file.data, (size_t)file.size);
        memcpy(*out + file.size, part.data, part.len);
        *len = total;
    }
    wt_buf_free(&part);
    wt_map_close(&file);
    return st;
}

/* --- what a file makes
 * ------------------------------------------------------------------------------------------------------ */
typedef struct search {
    bool *made, *is_output;
    const char *const *names;
    size_t n;
} search;

static void mark(const search *s, bool *marks, const wt_pb_field *f)
{
    for (size_t i = 0; i < s->n && f->wire == WT_PB_BYTES; i++)
        if (strlen(s->names[i]) == f->len && !memcmp(s->names[i], f->data, f->len))
            marks[i] = true;
}

/* Marks what the fields `number` of a message are. */
static wt_status mark_fields(const search *s, bool *marks, const wt_pb_field *parent, uint32_t number, wt_err *err)
{
    wt_pb pb = wt_pb_sub(parent);
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&pb, &f, &st, err))
        if (f.number == number)
            mark(s, marks, &f);
    return st;
}

static wt_status look_into_graph(const search *s, const wt_pb_field *graph, wt_err *err)
{
    wt_pb pb = wt_pb_sub(graph);
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&pb, &f, &st, err)) {
        if (f.wire != WT_PB_BYTES)
            continue;
        if (f.number == GRAPH_NODE)
            WT_TRY(mark_fields(s, s->made, &f, NODE_OUTPUT, err));
        else if (f.number == GRAPH_OUTPUT)
            WT_TRY(mark_fields(s, s->is_output, &f, INFO_NAME, err));
    }
    return st;
}

static wt_status look_into_model(const search *s, const wt_map *file, wt_err *err)
{
    wt_pb pb = wt_pb_over(file->data, (size_t)file->size, 0);
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&pb, &f, &st, err))
        if (f.number == MODEL_GRAPH && f.wire == WT_PB_BYTES)
            WT_TRY(look_into_graph(s, &f, err));
    return st;
}

wt_status wt_onnx_makes(bool *made, wt_context *ctx, const char *path, const char *const *names, size_t n, wt_err *err)
{
    wt_map file = { 0 };
    search s = { made, wt_alloc(ctx, n + 1, sizeof(bool), err), names, n };
    memset(made, 0, n * sizeof *made);
    if (!s.is_output)
        return WT_ENOMEM;
    wt_status st = wt_map_open(&file, ctx, path, err);
    if (st == WT_OK)
        st = look_into_model(&s, &file, err);
    for (size_t i = 0; i < n; i++)
        made[i] &= !s.is_output[i];
    wt_map_close(&file);
    wt_free(ctx, s.is_output);
    return st;
}
