/* write.c - a graph to one or two files: clone, lower, measure, write, read back.
 *
 * A protobuf message cannot be larger than 2 GiB, so the weights of a larger model go to NAME.data beside it, each at a
 * multiple of 4096. Both files are complete under temporary names before either gets its own; the data come first, so
 * that no model ever names data that are not there. What was written is read back: by hash, and by the reader. */
#include <sys/stat.h>
#include "model/qdq.h"
#include "writer.h"

static const uint64_t MESSAGE_LIMIT = INT32_MAX;

typedef struct job {
    wt_context *ctx;
    wt_graph *clone;
    const char *path;
    bool force;
    char *data_path; /* NULL: all in one file */
    wt_pb_out out;
    wt_writer writer;
    wt_outfile *model, *data;
    char model_hash[65], data_hash[65];
    uint64_t model_bytes, data_bytes;
} job;

static wt_status prepare(job *j, const wt_graph *graph, bool f16, wt_err *err)
{
    const wt_qdq_options lower = { .f16_weights = f16 };
    const wt_opset *opsets = NULL;
    WT_TRY(wt_graph_clone(&j->clone, graph, err));
    WT_TRY(wt_qdq_lower(j->clone, &lower, err));
    WT_TRY(wt_graph_verify(j->clone, WT_EINTERNAL, err));
    WT_TRY(wt_onnx_needed_opsets(j->clone, &opsets, err));
    j->clone->opsets = (wt_opset *)(uintptr_t)opsets;
    for (j->clone->n_opsets = 0; opsets[j->clone->n_opsets].domain;)
        j->clone->n_opsets++;
    return WT_OK;
}

static wt_status measure(job *j, const char *external, wt_err *err)
{
    wt_pb_out_free(&j->out);
    wt_pb_out_init(&j->out, j->ctx, err);
    j->writer = (wt_writer){ .out = &j->out, .root = j->clone, .external = external };
    WT_TRY(wt_onnx_prepare_names(&j->writer, err));
    return wt_onnx_write_model(&j->writer);
}

/* --- external data
 * -------------------------------------------------------------------------------------------------------- */
static wt_status data_path(job *j, wt_err *err)
{
    static const char suffix[] = ".data";
    const size_t n = strlen(j->path);
    j->data_path = wt_alloc(j->ctx, n + sizeof suffix, 1, err);
    if (!j->data_path)
        return WT_ENOMEM;
    memcpy(j->data_path, j->path, n);
    memcpy(j->data_path + n, suffix, sizeof suffix);
    return WT_OK;
}

static void pad(wt_pb_out *out, uint64_t to)
{
    static const uint8_t zeros[WT_ONNX_EXTERNAL_ALIGN];
    while (out->st == WT_OK && out->pos < to)
        wt_pb_put_raw(out, zeros, to - out->pos < sizeof zeros ? (size_t)(to - out->pos) : sizeof zeros);
}

/* In the order in which the model names them: nodes, with the graphs inside, before the graph's own. */
static void graph_data(wt_writer *w, const wt_graph *graph)
{
    for (const wt_node *n = graph->first; n; n = n->next)
        for (size_t i = 0; i < n->attrs.count; i++) {
            const wt_attr *a = &n->attrs.items[i];
            if (a->type == WT_ATTR_GRAPH)
                graph_data(w, a->v.graph);
            for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
                graph_data(w, a->v.graphs[k]);
        }
    for (size_t i = 0; i < graph->n_constants && w->out->st == WT_OK; i++) {
        const wt_value *v = graph->constants[i];
        if (!wt_writer_is_external(w, v) || wt_writer_shares(v))
            continue;
        const uint64_t bytes = wt_writer_bytes(&v->type, v);
        pad(w->out, wt_writer_place(w, bytes));
        wt_writer_data(w, &v->type, v, bytes);
    }
}

static wt_status write_data(job *j, wt_err *err)
{
    wt_pb_out out;
    wt_pb_out_init(&out, j->ctx, err);
    wt_pb_out_write(&out, j->data, NULL);
    wt_writer w = j->writer;
    w.out = &out;
    w.external_pos = 0;
    graph_data(&w, j->clone);
    j->data_bytes = out.pos;
    return out.st;
}

/* --- files
 * ------------------------------------------------------------------------------------------------------------------ */
static wt_status write_files(job *j, uint64_t threshold, wt_err *err)
{
    WT_TRY(measure(j, NULL, err));
    if (j->out.pos > threshold) {
        WT_TRY(data_path(j, err));
        WT_TRY(measure(j, wt_path_base(j->data_path), err));
        if (j->out.pos > MESSAGE_LIMIT)
            return wt_fail(err, WT_EUNSUPPORTED,
                           "the model has more than 2 GiB besides its weights, which ONNX cannot hold");
        WT_TRY(wt_outfile_open(&j->data, j->ctx, j->data_path, j->force, err));
        WT_TRY(write_data(j, err));
    }
    WT_TRY(wt_outfile_open(&j->model, j->ctx, j->path, j->force, err));
    j->model_bytes = j->out.pos;
    wt_pb_out_write(&j->out, j->model, NULL);
    WT_TRY(wt_onnx_write_model(&j->writer));
    if (j->out.pos != j->model_bytes || j->out.next != j->out.n_sizes)
        return wt_fail(err, WT_EINTERNAL, "wrote %llu bytes where %llu were measured", (unsigned long long)j->out.pos,
                       (unsigned long long)j->model_bytes);
    wt_outfile *file = j->data;
    j->data = NULL;
    if (file)
        WT_TRY(wt_outfile_commit(file, j->data_hash, err));
    file = j->model;
    j->model = NULL;
    return wt_outfile_commit(file, j->model_hash, err);
}

static wt_status read_back(job *j, wt_err *err)
{
    struct stat st;
    wt_graph *again = NULL;
    if (stat(j->path, &st) == 0 && !S_ISREG(st.st_mode)) /* a pipe or a device: gone */
        return WT_OK;
    WT_TRY(wt_check_hash(j->ctx, j->path, j->model_hash, err));
    if (j->data_path)
        WT_TRY(wt_check_hash(j->ctx, j->data_path, j->data_hash, err));
    WT_TRY(wt_onnx_read(&again, j->ctx, j->path, err));
    const bool same = again->n_nodes == j->clone->n_nodes && again->n_constants == j->clone->n_constants &&
                      again->n_inputs == j->clone->n_inputs && again->n_outputs == j->clone->n_outputs;
    wt_graph_close(again);
    return same ? WT_OK : wt_fail(err, WT_EINTERNAL, "%s reads back as another graph", j->path);
}

static wt_status report(const job *j, wt_written *written, wt_err *err)
{
    if (!written)
        return WT_OK;
    WT_TRY(wt_written_add(written, j->ctx, j->path, j->model_bytes, j->model_hash, err));
    if (j->data_path)
        WT_TRY(wt_written_add(written, j->ctx, j->data_path, j->data_bytes, j->data_hash, err));
    return WT_OK;
}

wt_status wt_onnx_write(const wt_graph *graph, const char *path, const wt_write_options *options, wt_written *written,
                        wt_err *err)
{
    static const wt_write_options defaults;
    const wt_write_options *o = options ? options : &defaults;
    job j = { .ctx = graph->root->ctx, .path = path, .force = o->force };
    const uint64_t limit = o->external_threshold && o->external_threshold < MESSAGE_LIMIT ? o->external_threshold
                                                                                          : MESSAGE_LIMIT;
    wt_pb_out_init(&j.out, j.ctx, err);
    wt_status st = prepare(&j, graph, o->f16_weights, err);
    if (st == WT_OK)
        st = write_files(&j, limit, err);
    if (st == WT_OK)
        st = read_back(&j, err);
    if (st == WT_OK)
        st = report(&j, written, err);
    wt_outfile_abort(j.model);
    wt_outfile_abort(j.data);
    wt_pb_out_free(&j.out);
    wt_graph_close(j.clone);
    wt_free(j.ctx, j.data_path);
    return st;
}

wt_status wt_onnx_write_bytes(const wt_graph *graph, wt_buf *out, wt_err *err)
{
    job j = { .ctx = graph->root->ctx };
    wt_pb_out_init(&j.out, j.ctx, err);
    wt_status st = prepare(&j, graph, false, err);
    if (st == WT_OK)
        st = measure(&j, NULL, err);
    if (st == WT_OK) {
        wt_pb_out_write(&j.out, NULL, out);
        st = wt_onnx_write_model(&j.writer);
    }
    if (st == WT_OK)
        st = wt_buf_status(out, err);
    wt_pb_out_free(&j.out);
    wt_graph_close(j.clone);
    return st;
}
