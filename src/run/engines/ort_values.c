/* ort_values.c - tensors on their way into ONNX Runtime and back. Numbers are not copied: what is given is a view of
 * our memory for the time of the run, what comes back a view of theirs until the next one. Strings are copied. */
#include "run/engines/ort.h"

#define ORT(call) WT_TRY(wt_ort_check(&m->api, m->api.call, WT_EINTERNAL, err))

static wt_status give_strings(wt_ort_model *m, size_t slot, const wt_tensor *t, size_t count, wt_err *err)
{
    const char **starts;
    WT_TRY(wt_engine_texts(&starts, m->base.ctx, t->data, count, err));
    wt_status st = wt_ort_check(&m->api,
                                m->api.create_tensor(m->allocator, t->shape.dim, (size_t)t->shape.rank,
                                                     wt_dtype_get(WT_STRING)->onnx_code, &m->given[slot]),
                                WT_EINTERNAL, err);
    if (st == WT_OK) {
        st = wt_ort_check(&m->api, m->api.fill_strings(m->given[slot], starts, count), WT_EINTERNAL, err);
        if (st != WT_OK)
            m->api.release_value(m->given[slot]);
    }
    wt_free(m->base.ctx, starts);
    return st;
}

wt_status wt_ort_give(wt_ort_model *m, size_t slot, const wt_tensor *t, wt_err *err)
{
    const int code = wt_dtype_get(t->dtype)->onnx_code;
    int64_t count;
    if (!code || !wt_shape_count(&t->shape, &count))
        return wt_fail(err, WT_EUNSUPPORTED, "input '%s' is of type %s, which ONNX Runtime does not take",
                       m->given_names[slot], wt_dtype_name(t->dtype));
    if (t->dtype == WT_STRING)
        return give_strings(m, slot, t, (size_t)count, err);
    ORT(create_tensor_over(m->memory, (void *)(uintptr_t)t->data, t->bytes, t->shape.dim, (size_t)t->shape.rank, code,
                           &m->given[slot]));
    return WT_OK;
}

/* The texts of a result: wt_strings, then their bytes, in one block. */
static wt_status take_strings(wt_ort_model *m, size_t index, size_t count, wt_err *err)
{
    size_t bytes = 0;
    ORT(strings_length(m->results[index], &bytes));
    wt_free(m->base.ctx, m->texts[index]);
    m->texts[index] = NULL;
    size_t *offsets = wt_alloc(m->base.ctx, count + 1, sizeof *offsets, err);
    wt_string *s = offsets ? wt_alloc(m->base.ctx, count * sizeof *s + bytes + 1, 1, err) : NULL;
    m->texts[index] = s;
    char *text = (char *)(s + count);
    wt_status st = !s ? WT_ENOMEM
                   : count
                       ? wt_ort_check(&m->api, m->api.strings_content(m->results[index], text, bytes, offsets, count),
                                      WT_EINTERNAL, err)
                       : WT_OK;
    for (size_t i = 0; i < count && st == WT_OK; i++)
        s[i] = (wt_string){ text + offsets[i], (i + 1 < count ? offsets[i + 1] : bytes) - offsets[i] };
    wt_free(m->base.ctx, offsets);
    m->outputs[index].data = s;
    m->outputs[index].bytes = count * sizeof *s;
    return st;
}

static wt_status take_shape(wt_ort_model *m, size_t index, const OrtShapeInfo *info, wt_err *err)
{
    wt_tensor *t = &m->outputs[index];
    int code = 0;
    size_t rank = 0;
    ORT(element_type(info, &code));
    ORT(rank(info, &rank));
    t->dtype = wt_dtype_from_onnx(code);
    if (rank > WT_MAX_RANK || t->dtype == WT_DTYPE_NONE)
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' has %zu dimensions of type %d, which whet cannot hold",
                       m->output_names[index], rank, code);
    t->shape.rank = (int)rank;
    ORT(dims(info, t->shape.dim, rank));
    return WT_OK;
}

wt_status wt_ort_take(wt_ort_model *m, size_t index, wt_err *err)
{
    wt_tensor *t = &m->outputs[index];
    OrtShapeInfo *info = NULL;
    int kind = 0;
    int64_t count = 0;
    *t = (wt_tensor){ .layout = WT_PLAIN };
    if (!m->results[index])
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' was not made", m->output_names[index]);
    ORT(value_kind(m->results[index], &kind));
    if (kind != ORT_TENSOR)
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' is no tensor", m->output_names[index]);
    ORT(shape_of(m->results[index], &info));
    const wt_status st = take_shape(m, index, info, err);
    m->api.release_shape(info);
    WT_TRY(st);
    if (!wt_shape_count(&t->shape, &count) || !wt_dtype_bytes(t->dtype, (uint64_t)count, &t->bytes))
        return wt_fail(err, WT_EUNSUPPORTED, "output '%s' is too large", m->output_names[index]);
    if (t->dtype == WT_STRING)
        return take_strings(m, index, (size_t)count, err);
    void *data = NULL;
    ORT(tensor_data(m->results[index], &data));
    static const char nothing[64];
    t->data = data ? data : nothing; /* no elements */
    return WT_OK;
}
