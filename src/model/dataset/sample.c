/* sample.c - the memory behind a sample: buffers that grow to the largest sample and are used again. */
#include "model/dataset/dataset_impl.h"

wt_status wt_sample_open(wt_sample **out, wt_context *ctx, wt_err *err)
{
    *out = NULL;
    wt_sample_store *s = wt_alloc(ctx, 1, sizeof *s, err);
    if (!s)
        return WT_ENOMEM;
    s->ctx = ctx;
    s->sample.store = s;
    wt_picture_init(&s->picture, ctx);
    wt_picture_init(&s->work, ctx);
    wt_buf_init(&s->text, ctx);
    wt_buf_init(&s->answer, ctx);
    wt_buf_init(&s->source, ctx);
    wt_buf_init(&s->label, ctx);
    *out = &s->sample;
    return WT_OK;
}

static void free_inputs(wt_sample_store *s)
{
    for (size_t i = 0; i < s->n; i++)
        wt_free(s->ctx, s->data[i]);
    wt_free(s->ctx, s->inputs);
    wt_free(s->ctx, s->names);
    wt_free(s->ctx, s->data);
    wt_free(s->ctx, s->capacity);
    s->inputs = NULL;
    s->names = NULL;
    s->data = NULL;
    s->capacity = NULL;
    s->n = 0;
}

void wt_sample_close(wt_sample *sample)
{
    if (!sample)
        return;
    wt_sample_store *s = sample->store;
    free_inputs(s);
    wt_picture_free(&s->picture);
    wt_picture_free(&s->work);
    wt_buf_free(&s->text);
    wt_buf_free(&s->answer);
    wt_buf_free(&s->source);
    wt_buf_free(&s->label);
    wt_free(s->ctx, s->vector);
    wt_free(s->ctx, s);
}

wt_status wt_store_reset(wt_sample_store *s, const wt_reader *r, wt_err *err)
{
    const size_t n = r->n_inputs;
    if (s->n < n) {
        free_inputs(s);
        s->inputs = wt_alloc(s->ctx, n, sizeof *s->inputs, err);
        s->names = s->inputs ? wt_alloc(s->ctx, n, sizeof *s->names, err) : NULL;
        s->data = s->names ? wt_alloc(s->ctx, n, sizeof *s->data, err) : NULL;
        s->capacity = s->data ? wt_alloc(s->ctx, n, sizeof *s->capacity, err) : NULL;
        if (!s->capacity) {
            free_inputs(s);
            return WT_ENOMEM;
        }
        s->n = n;
    }
    for (size_t i = 0; i < n; i++) {
        s->inputs[i] = (wt_tensor){ .dtype = r->inputs[i].dtype, .shape = r->inputs[i].shape };
        s->names[i] = r->inputs[i].name;
    }
    s->text.len = s->answer.len = s->source.len = s->label.len = 0;
    s->text.failed = s->answer.failed = s->source.failed = s->label.failed = false;
    s->sample = (wt_sample){ .n_inputs = n, .inputs = s->inputs, .names = (const char *const *)s->names, .store = s };
    s->sample.label.kind = WT_LABEL_NONE;
    s->sample.label.index = -1;
    return WT_OK;
}

wt_status wt_store_input(wt_sample_store *s, const wt_reader *r, size_t i, wt_dtype dtype, const wt_shape *shape,
                         void **data, wt_err *err)
{
    wt_tensor t = { .dtype = dtype, .shape = *shape };
    char text[128];
    if (!wt_tensor_size(&t, &t.bytes) || t.bytes > r->max_bytes)
        return wt_fail(err, WT_ELIMIT, "input %s of shape %s needs more than the %llu bytes allowed", r->inputs[i].name,
                       wt_shape_text(shape, NULL, text, sizeof text), (unsigned long long)r->max_bytes);
    if (t.bytes > s->capacity[i] || !s->data[i]) {
        wt_free(s->ctx, s->data[i]);
        s->capacity[i] = 0;
        if (!(s->data[i] = wt_alloc_raw(s->ctx, t.bytes, 1, err)))
            return WT_ENOMEM;
        s->capacity[i] = t.bytes;
    }
    t.data = *data = s->data[i];
    s->inputs[i] = t;
    return WT_OK;
}

wt_status wt_store_text(wt_sample_store *s, const wt_reader *r, const char *text, size_t len, wt_err *err)
{
    s->text.len = 0;
    wt_buf_add(&s->text, text, len);
    WT_TRY(wt_buf_status(&s->text, err));
    s->sample.text = s->text.data;
    s->sample.text_len = s->text.len;
    if (r->n_inputs != 1 || r->inputs[0].dtype != WT_STRING) {
        s->sample.n_inputs = 0; /* a tokenizer's work */
        return WT_OK;
    }
    wt_shape one = r->inputs[0].shape;
    for (int i = 0; i < one.rank; i++)
        one.dim[i] = 1;
    if (one.rank < 0)
        one = wt_shape_make(1, (int64_t[]){ 1 });
    s->string = (wt_string){ s->text.data, s->text.len };
    s->inputs[0] = (wt_tensor){ .dtype = WT_STRING, .shape = one, .data = &s->string, .bytes = sizeof s->string };
    return WT_OK;
}

/* Index of the first element whose exponent bits are all set, or n. */
static size_t first_nonfinite(const wt_tensor *t, size_t n)
{
    const uint8_t *p = t->data;
    const unsigned mask16 = t->dtype == WT_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        uint32_t w;
        uint64_t d;
        switch (t->dtype) {
        case WT_F32:
            memcpy(&w, p + i * 4, 4);
            if ((w & 0x7f800000u) == 0x7f800000u)
                return i;
            break;
        case WT_F64:
            memcpy(&d, p + i * 8, 8);
            if ((d & 0x7ff0000000000000u) == 0x7ff0000000000000u)
                return i;
            break;
        case WT_F16:
        case WT_BF16:
            memcpy(&h, p + i * 2, 2);
            if ((h & mask16) == mask16)
                return i;
            break;
        default: return n;
        }
    }
    return n;
}

wt_status wt_check_finite(const wt_tensor *t, const char *name, wt_err *err)
{
    int64_t n;
    if (!t->data || !wt_dtype_is_float(t->dtype) || !wt_shape_count(&t->shape, &n))
        return WT_OK;
    const size_t at = first_nonfinite(t, (size_t)n);
    if (at == (size_t)n)
        return WT_OK;
    wt_fail(err, WT_EFORMAT, "input %s holds NaN or infinity at element %zu", name, at);
    wt_err_hint(err, "repair the file, or take it as it is: --allow-nonfinite");
    return WT_EFORMAT;
}

wt_status wt_store_check(const wt_sample_store *s, const wt_reader *r, wt_err *err)
{
    for (size_t i = 0; i < s->sample.n_inputs && !r->allow_nonfinite; i++) {
        const wt_status st = wt_check_finite(&s->inputs[i], s->names[i], err);
        if (st == WT_OK)
            continue;
        wt_err_hint(err, "repair or remove this sample: no statistic survives it");
        return st;
    }
    return WT_OK;
}
