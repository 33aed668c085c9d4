/* tensors.c - see tensors.h. Strings travel as their lengths (64 bits each, little endian hosts only talk to
 * themselves) followed by all their bytes. */
#include "measure/worker/tensors.h"
#include "base/json.h"

enum { MAX_SAMPLES = 4096, MAX_INPUTS = 4096 };

static size_t text_bytes(const wt_tensor *t, int64_t count)
{
    size_t total = (size_t)count * sizeof(uint64_t);
    const wt_string *s = t->data;
    for (int64_t i = 0; i < count; i++)
        total += s[i].len;
    return total;
}

static size_t wire_bytes(const wt_tensor *t)
{
    int64_t count = 0;
    if (t->dtype != WT_STRING || !wt_shape_count(&t->shape, &count))
        return t->bytes;
    return text_bytes(t, count);
}

static json_t *describe(const wt_tensor *t)
{
    if (!t->data)
        return json_null();
    json_t *dims = json_array();
    for (int d = 0; d < t->shape.rank; d++)
        json_array_append_new(dims, json_integer(t->shape.dim[d]));
    return json_pack("{s:s, s:o, s:I}", "dtype", wt_dtype_name(t->dtype), "shape", dims, "bytes",
                     (json_int_t)wire_bytes(t));
}

json_t *wt_samples_describe(const wt_inputs *samples, size_t n)
{
    json_t *list = json_array();
    for (size_t k = 0; k < n; k++) {
        json_t *one = json_array();
        for (size_t i = 0; i < samples[k].n; i++)
            json_array_append_new(one, describe(&samples[k].tensors[i]));
        json_array_append_new(list, one);
    }
    return list;
}

static wt_status send_texts(wt_channel *c, const wt_tensor *t, wt_context *ctx, wt_err *err)
{
    int64_t count = 0;
    wt_shape_count(&t->shape, &count);
    const size_t total = text_bytes(t, count);
    const wt_string *s = t->data;
    uint8_t *block = wt_alloc_raw(ctx, total, 1, err), *p = block;
    if (!block)
        return WT_ENOMEM;
    for (int64_t i = 0; i < count; i++, p += sizeof(uint64_t))
        memcpy(p, &(uint64_t){ s[i].len }, sizeof(uint64_t));
    for (int64_t i = 0; i < count; i++) {
        if (s[i].len)
            memcpy(p, s[i].data, s[i].len);
        p += s[i].len;
    }
    const wt_status st = wt_channel_send_bytes(c, block, total, err);
    wt_free(ctx, block);
    return st;
}

wt_status wt_samples_send(wt_channel *c, const wt_inputs *samples, size_t n, wt_err *err)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < samples[k].n; i++) {
            const wt_tensor *t = &samples[k].tensors[i];
            if (!t->data)
                continue;
            WT_TRY(t->dtype == WT_STRING ? send_texts(c, t, samples[k].ctx, err)
                                         : wt_channel_send_bytes(c, t->data, t->bytes, err));
        }
    return WT_OK;
}

/* --- receiving -----------------------------------------------------------------------------------------------------
 */
static wt_status bad(wt_err *err) { return wt_fail(err, WT_EFORMAT, "the inputs' description is wrong"); }

static wt_status parse_type(const json_t *o, wt_tensor *t, size_t *bytes, wt_err *err)
{
    const json_t *dims = json_object_get(o, "shape"), *size = json_object_get(o, "bytes");
    const char *dtype = json_string_value(json_object_get(o, "dtype"));
    *t = (wt_tensor){ .dtype = dtype ? wt_dtype_from_name(dtype) : WT_DTYPE_NONE };
    if (t->dtype == WT_DTYPE_NONE || !json_is_array(dims) || json_array_size(dims) > WT_MAX_RANK ||
        !json_is_integer(size))
        return bad(err);
    t->shape.rank = (int)json_array_size(dims);
    for (int d = 0; d < t->shape.rank; d++) {
        const json_t *dim = json_array_get(dims, (size_t)d);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return bad(err);
        t->shape.dim[d] = json_integer_value(dim);
    }
    const json_int_t said = json_integer_value(size);
    if (said < 0 || !wt_tensor_size(t, &t->bytes) || (t->dtype != WT_STRING && (uint64_t)said != t->bytes))
        return bad(err);
    *bytes = (size_t)said;
    return WT_OK;
}

/* One block: the wt_strings, then what came. */
static wt_status receive_texts(wt_channel *c, wt_context *ctx, const wt_tensor *type, size_t bytes, wt_tensor **out,
                               wt_err *err)
{
    int64_t count;
    size_t head, total;
    if (!wt_shape_count(&type->shape, &count) || (uint64_t)count > bytes / sizeof(uint64_t))
        return bad(err);
    if (wt_mul_overflows((size_t)count, sizeof(wt_string), &head) ||
        wt_add_overflows(head, sizeof(wt_tensor) + 16, &head) || wt_add_overflows(wt_align_up(head, 16), bytes, &total))
        return bad(err);
    head = wt_align_up(head, 16);
    char *block = wt_alloc(ctx, total, 1, err);
    if (!block)
        return WT_ENOMEM;
    wt_status st = wt_channel_receive_bytes(c, block + head, bytes, err);
    wt_string *s = (wt_string *)(void *)(block + wt_align_up(sizeof(wt_tensor), 16));
    const char *lens = block + head, *p = lens + (size_t)count * sizeof(uint64_t), *end = lens + bytes;
    for (int64_t i = 0; i < count && st == WT_OK; i++) {
        uint64_t len;
        memcpy(&len, lens + (size_t)i * sizeof len, sizeof len);
        if (len > (uint64_t)(end - p))
            st = bad(err);
        else
            s[i] = (wt_string){ p, (size_t)len }, p += len;
    }
    if (st != WT_OK) {
        wt_free(ctx, block);
        return st;
    }
    *out = (wt_tensor *)(void *)block;
    **out = *type;
    (*out)->data = s;
    return WT_OK;
}

static wt_status receive_tensor(wt_channel *c, wt_context *ctx, const json_t *o, wt_tensor **out, wt_err *err)
{
    wt_tensor type;
    size_t bytes = 0;
    WT_TRY(parse_type(o, &type, &bytes, err));
    if (type.dtype == WT_STRING)
        return receive_texts(c, ctx, &type, bytes, out, err);
    WT_TRY(wt_tensor_new(out, ctx, type.dtype, &type.shape, err));
    return wt_channel_receive_bytes(c, wt_tensor_mut(*out), bytes, err);
}

static wt_status receive_sample(wt_channel *c, wt_context *ctx, const json_t *list, wt_inputs *in, wt_err *err)
{
    const size_t n = json_array_size(list);
    *in = (wt_inputs){ .ctx = ctx, .n = n };
    if (!json_is_array(list) || n > MAX_INPUTS)
        return bad(err);
    in->tensors = wt_alloc(ctx, n + 1, sizeof *in->tensors, err);
    in->owned = in->tensors ? wt_alloc(ctx, n + 1, sizeof *in->owned, err) : NULL;
    if (!in->owned)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        if (json_is_null(o))
            continue;
        WT_TRY(receive_tensor(c, ctx, o, &in->owned[i], err));
        in->tensors[i] = *in->owned[i];
    }
    return WT_OK;
}

wt_status wt_samples_receive(wt_channel *c, wt_context *ctx, const json_t *list, wt_inputs **out, size_t *n,
                             wt_err *err)
{
    const size_t count = json_array_size(list);
    *out = NULL;
    *n = 0;
    if (!json_is_array(list) || count > MAX_SAMPLES)
        return bad(err);
    wt_inputs *samples = wt_alloc(ctx, count + 1, sizeof *samples, err);
    if (!samples)
        return WT_ENOMEM;
    wt_status st = WT_OK;
    for (size_t k = 0; k < count && st == WT_OK; k++)
        st = receive_sample(c, ctx, json_array_get(list, k), &samples[k], err);
    if (st != WT_OK) {
        for (size_t k = 0; k < count; k++)
            wt_inputs_free(&samples[k]);
        wt_free(ctx, samples);
        return st;
    }
    *out = samples;
    *n = count;
    return WT_OK;
}
