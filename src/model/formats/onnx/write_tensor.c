/* write_tensor.c - tensors into the stream: straight from where they lie (the mapped file, mostly), quantized or halved
 * on the way in pieces. Never more than a piece is held. */
#include "writer.h"
#include "model/quantize.h"

enum { PIECE = 1 << 14 /* elements; a multiple of every block length */ };

uint64_t wt_writer_bytes(const wt_tensor *t, const wt_value *v)
{
    int64_t n = 0;
    size_t bytes = t->bytes;
    if (v && v->quant && v->quant->dtype != t->dtype && wt_shape_count(&t->shape, &n))
        wt_dtype_bytes(v->quant->dtype, (uint64_t)n, &bytes);
    return bytes;
}

bool wt_writer_is_external(const wt_writer *w, const wt_value *v)
{
    return w->external && v && v->type.dtype != WT_STRING && wt_writer_bytes(&v->type, v) >= WT_ONNX_EXTERNAL_MIN;
}

uint64_t wt_writer_place(wt_writer *w, uint64_t bytes)
{
    const uint64_t at = (w->external_pos + WT_ONNX_EXTERNAL_ALIGN - 1) / WT_ONNX_EXTERNAL_ALIGN *
                        WT_ONNX_EXTERNAL_ALIGN;
    w->external_pos = at + bytes;
    return at;
}

static void progress(wt_writer *w, size_t bytes)
{
    w->streamed += bytes;
    wt_report_progress(w->out->ctx, "write", "bytes", w->streamed, w->total);
    wt_pb_out_fail(w->out, wt_check_cancel(w->out->ctx, w->out->err));
}

static void converted(wt_writer *w, const wt_tensor *t, const wt_value *v)
{
    uint8_t piece[4 * PIECE];
    const wt_quant *quant = v->quant;
    int64_t count = 0;
    wt_shape_count(&t->shape, &count);
    for (size_t i = 0, n = (size_t)count; i < n && w->out->st == WT_OK; i += PIECE) {
        const size_t k = n - i < PIECE ? n - i : PIECE;
        const uint8_t *from = (const uint8_t *)t->data + 4 * i;
        size_t bytes = 0;
        wt_dtype_bytes(quant->dtype, k, &bytes);
        if (quant->dtype == WT_F16)
            wt_halves(from, piece, k);
        else
            wt_quantize_part(quant, &t->shape, from, piece, i, k);
        wt_pb_put_raw(w->out, piece, bytes);
        progress(w, bytes);
    }
}

/* Pieces of about a megabyte, each made and written. */
static void made(wt_writer *w, const wt_made *m)
{
    enum { PIECE_BYTES = 1 << 20 };
    const uint64_t step = m->row_bytes < PIECE_BYTES ? PIECE_BYTES / (m->row_bytes ? m->row_bytes : 1) : 1;
    void *piece = wt_alloc(w->out->ctx, (size_t)step, m->row_bytes, w->out->err);
    if (!piece)
        wt_pb_out_fail(w->out, WT_ENOMEM);
    for (uint64_t at = 0; at < m->rows && w->out->st == WT_OK; at += step) {
        const uint64_t n = m->rows - at < step ? m->rows - at : step;
        wt_pb_out_fail(w->out, m->fill(m, at, n, piece, w->out->err));
        wt_pb_put_raw(w->out, piece, (size_t)n * m->row_bytes);
        progress(w, (size_t)n * m->row_bytes);
    }
    wt_free(w->out->ctx, piece);
}

void wt_writer_data(wt_writer *w, const wt_tensor *t, const wt_value *v, uint64_t bytes)
{
    enum { STEP = 1 << 24 };
    if (wt_pb_out_measures(w->out)) {
        w->out->pos += bytes;
        w->total += bytes;
        return;
    }
    if (v && v->made) {
        made(w, v->made);
        return;
    }
    if (v && v->quant && v->quant->dtype != t->dtype) {
        converted(w, t, v);
        return;
    }
    for (size_t at = 0; at < t->bytes && w->out->st == WT_OK; at += STEP) {
        const size_t n = t->bytes - at < STEP ? t->bytes - at : STEP;
        wt_pb_put_raw(w->out, (const uint8_t *)t->data + at, n);
        progress(w, n);
    }
}

static void entry(wt_pb_out *out, const char *key, const char *text, uint64_t number)
{
    char digits[24];
    if (!text) {
        char *p = digits + sizeof digits - 1;
        *p = '\0';
        do
            *--p = (char)('0' + number % 10);
        while (number /= 10);
        text = p;
    }
    wt_pb_begin(out, TENSOR_EXTERNAL);
    wt_pb_put_text(out, ENTRY_KEY, key);
    wt_pb_put_text(out, ENTRY_VALUE, text);
    wt_pb_end(out);
}

static void strings(wt_writer *w, const wt_tensor *t)
{
    for (size_t i = 0; i < t->bytes / sizeof(wt_string); i++) {
        wt_string s;
        memcpy(&s, (const uint8_t *)t->data + i * sizeof s, sizeof s);
        wt_pb_put_bytes(w->out, TENSOR_STRING_DATA, s.data, s.len);
    }
}

void wt_writer_tensor_body(wt_writer *w, const wt_tensor *t, const char *name, const wt_value *v)
{
    wt_pb_out *out = w->out;
    const uint64_t bytes = wt_writer_bytes(t, v);
    for (int i = 0; i < t->shape.rank; i++)
        wt_pb_put_int(out, TENSOR_DIMS, t->shape.dim[i]);
    wt_pb_put_int(out, TENSOR_DATA_TYPE, wt_dtype_get(v ? wt_writer_stored(v) : t->dtype)->onnx_code);
    if (t->dtype == WT_STRING)
        strings(w, t);
    if (name && name[0])
        wt_pb_put_text(out, TENSOR_NAME, name);
    if (t->dtype == WT_STRING)
        return;
    if (!wt_writer_is_external(w, v)) {
        wt_pb_put_header(out, TENSOR_RAW_DATA, bytes);
        wt_writer_data(w, t, v, bytes);
        return;
    }
    if (wt_pb_out_measures(out) && !wt_writer_shares(v))
        w->total += bytes;
    entry(out, "location", w->external, 0);
    w->placed[v->id] = wt_writer_shares(v) ? w->placed[v->made->same_as - 1] : wt_writer_place(w, bytes);
    entry(out, "offset", NULL, w->placed[v->id]);
    entry(out, "length", NULL, bytes);
    wt_pb_put_int(out, TENSOR_LOCATION, 1);
}

void wt_writer_tensor(wt_writer *w, uint32_t field, const wt_tensor *t, const wt_value *v)
{
    wt_pb_begin(w->out, field);
    wt_writer_tensor_body(w, t, v ? v->name : NULL, v);
    wt_pb_end(w->out);
}
