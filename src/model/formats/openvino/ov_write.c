/* ov_write.c - a graph to NAME.xml and NAME.bin: clone, look at every node, make the text, stream the data, read back.
 *
 * Both files are complete under temporary names before either gets its own; the data come first, so that no model ever
 * names data that are not there. */
#include <sys/stat.h>
#include "base/file.h"
#include "model/qdq.h"
#include "model/quantize.h"
#include "openvino.h"
#include "ov_emit.h"

enum { PIECE = 1 << 14 /* elements; a multiple of every block length */, STEP = 1 << 24 };

typedef struct job {
    wt_ov_writer w;
    const char *path, *bin_path;
    bool force;
    wt_buf xml;
    wt_outfile *xml_file, *bin_file;
    wt_buf *bin; /* instead of bin_file */
    char xml_hash[65], bin_hash[65];
    uint64_t streamed;
} job;

static wt_status prepare(job *j, const wt_graph *graph, wt_err *err)
{
    wt_ov_writer *w = &j->w;
    WT_TRY(wt_graph_clone(&w->root, graph, err));
    w->arena = &w->root->arena;
    WT_TRY(wt_graph_infer(w->root, err));
    WT_TRY(wt_qdq_absorb(w->root, NULL, err));
    wt_graph_sweep(w->root);
    WT_TRY(wt_graph_infer(w->root, err));
    WT_TRY(wt_ov_check(w));
    return wt_ov_write_net(w, &j->xml);
}

/* --- data ----------------------------------------------------------------------------------------------------------
 */
static wt_status put(job *j, const void *bytes, size_t n, wt_err *err)
{
    j->streamed += n;
    wt_report_progress(j->w.ctx, "write", "bytes", j->streamed, j->w.bin_bytes);
    WT_TRY(wt_check_cancel(j->w.ctx, err));
    if (!j->bin)
        return wt_outfile_write(j->bin_file, bytes, n, err);
    wt_buf_add(j->bin, bytes, n);
    return wt_buf_status(j->bin, err);
}

static wt_status pad_to(job *j, uint64_t offset, wt_err *err)
{
    static const uint8_t zeros[64];
    return offset > j->streamed ? put(j, zeros, (size_t)(offset - j->streamed), err) : WT_OK;
}

static wt_status put_converted(job *j, const wt_ov_blob *b, wt_err *err)
{
    uint8_t piece[4 * PIECE];
    int64_t count = 0;
    wt_shape_count(&b->tensor->shape, &count);
    for (size_t i = 0, n = (size_t)count; i < n; i += PIECE) {
        const size_t k = n - i < PIECE ? n - i : PIECE;
        const uint8_t *from = (const uint8_t *)b->tensor->data + 4 * i;
        size_t bytes = 0;
        wt_dtype_bytes(b->dtype, k, &bytes);
        if (b->dtype == WT_F16)
            wt_halves(from, piece, k);
        else
            wt_quantize_part(b->quant, &b->tensor->shape, from, piece, i, k);
        WT_TRY(put(j, piece, bytes, err));
    }
    return WT_OK;
}

static wt_status put_blob(job *j, const wt_ov_blob *b, wt_err *err)
{
    WT_TRY(pad_to(j, b->offset, err));
    if (b->quant)
        return put_converted(j, b, err);
    for (uint64_t at = 0; at < b->bytes; at += STEP) {
        const uint64_t n = b->bytes - at < STEP ? b->bytes - at : STEP;
        WT_TRY(put(j, (const uint8_t *)b->tensor->data + at, (size_t)n, err));
    }
    return WT_OK;
}

static wt_status put_blobs(job *j, wt_err *err)
{
    for (const wt_ov_blob *b = j->w.first; b; b = b->next)
        WT_TRY(put_blob(j, b, err));
    return WT_OK;
}

/* --- files ---------------------------------------------------------------------------------------------------------
 */
static wt_status write_files(job *j, wt_err *err)
{
    wt_outfile *file;
    WT_TRY(wt_outfile_open(&j->bin_file, j->w.ctx, j->bin_path, j->force, err));
    WT_TRY(wt_outfile_open(&j->xml_file, j->w.ctx, j->path, j->force, err));
    WT_TRY(put_blobs(j, err));
    WT_TRY(wt_outfile_write(j->xml_file, j->xml.data, j->xml.len, err));
    file = j->bin_file;
    j->bin_file = NULL;
    WT_TRY(wt_outfile_commit(file, j->bin_hash, err));
    file = j->xml_file;
    j->xml_file = NULL;
    return wt_outfile_commit(file, j->xml_hash, err);
}

static wt_status read_back(job *j, wt_err *err)
{
    struct stat st;
    wt_graph *again = NULL;
    if (stat(j->path, &st) == 0 && !S_ISREG(st.st_mode)) /* a pipe or a device: gone */
        return WT_OK;
    WT_TRY(wt_check_hash(j->w.ctx, j->path, j->xml_hash, err));
    WT_TRY(wt_check_hash(j->w.ctx, j->bin_path, j->bin_hash, err));
    WT_TRY(wt_openvino_read(&again, j->w.ctx, j->path, err));
    const bool same = again->n_inputs == j->w.root->n_inputs && again->n_outputs == j->w.root->n_outputs;
    wt_graph_close(again);
    return same ? WT_OK : wt_fail(err, WT_EINTERNAL, "%s reads back as another graph", j->path);
}

static void begin(job *j, wt_arena *names)
{
    wt_arena_init(names, j->w.ctx);
    wt_buf_init(&j->xml, j->w.ctx);
    wt_buf_init(&j->w.data, j->w.ctx);
}

static void end(job *j, wt_arena *names)
{
    wt_outfile_abort(j->xml_file);
    wt_outfile_abort(j->bin_file);
    wt_buf_free(&j->xml);
    wt_buf_free(&j->w.data);
    while (j->w.net)
        wt_ov_close_net(&j->w);
    wt_graph_close(j->w.root);
    wt_arena_free(names);
}

wt_status wt_openvino_write(const wt_graph *graph, const char *path, const wt_write_options *options,
                            wt_written *written, wt_err *err)
{
    static const wt_write_options defaults;
    const wt_write_options *o = options ? options : &defaults;
    job j = { .w = { .ctx = graph->root->ctx, .f16 = o->f16_weights, .err = err }, .path = path, .force = o->force };
    wt_arena names;
    begin(&j, &names);
    j.bin_path = wt_openvino_bin_path(&names, path, err);
    wt_status st = j.bin_path ? prepare(&j, graph, err) : WT_ENOMEM;
    if (st == WT_OK)
        st = write_files(&j, err);
    if (st == WT_OK)
        st = read_back(&j, err);
    if (st == WT_OK && written)
        st = wt_written_add(written, j.w.ctx, path, j.xml.len, j.xml_hash, err);
    if (st == WT_OK && written)
        st = wt_written_add(written, j.w.ctx, j.bin_path, j.w.bin_bytes, j.bin_hash, err);
    end(&j, &names);
    return st;
}

wt_status wt_openvino_write_bytes(const wt_graph *graph, wt_buf *xml, wt_buf *bin, wt_err *err)
{
    job j = { .w = { .ctx = graph->root->ctx, .err = err }, .bin = bin };
    wt_arena names;
    begin(&j, &names);
    wt_status st = prepare(&j, graph, err);
    if (st == WT_OK)
        st = put_blobs(&j, err);
    if (st == WT_OK) {
        wt_buf_add(xml, j.xml.data, j.xml.len);
        st = wt_buf_status(xml, err);
    }
    end(&j, &names);
    return st;
}
