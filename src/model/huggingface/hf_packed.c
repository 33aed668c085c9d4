/* hf_packed.c - which method a folder's weights are quantized by, and its tensors with every matrix as one. */
#include "hf_packed.h"
#include <stdio.h>
#include "base/str.h"

enum { NAME = 1100 }; /* a tensor's name in safetensors, and a suffix */

static const wt_hf_method *const methods[] = { &wt_hf_mlx,        &wt_hf_gptq,         &wt_hf_awq,
                                               &wt_hf_compressed, &wt_hf_bitsandbytes, &wt_hf_fp8 };

/* --- for the methods -----------------------------------------------------------------------------------------------
 */
const wt_weight *wt_hf_part(const wt_hf_packing *q, const char *suffix)
{
    char name[NAME];
    const int n = snprintf(name, sizeof name, "%s%s", q->path, suffix);
    return n > 0 && n < NAME ? wt_weights_find(q->m->raw, name) : NULL;
}

wt_status wt_hf_need_part(const wt_hf_packing *q, const char *suffix, const wt_weight **out, wt_err *err)
{
    *out = wt_hf_part(q, suffix);
    if (*out)
        return WT_OK;
    wt_fail(err, WT_EFORMAT, "tensor '%.120s%s' is missing, which %s needs", q->path, suffix, q->method->name);
    wt_err_where(err, "%s", q->m->folder);
    wt_err_hint(err, "download the model again, with all its files");
    return WT_EFORMAT;
}

wt_status wt_hf_bad_part(const wt_hf_packing *q, const wt_weight *part, wt_err *err, const char *fmt, ...)
{
    char text[240], shape[96];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail_at(err, WT_EFORMAT, part->source, "tensor '%.120s', %s of %s, %s", part->name.data,
               wt_dtype_name(part->dtype), wt_shape_text(&part->shape, NULL, shape, sizeof shape), text);
    wt_err_where(err, "%s", q->m->folder);
    wt_err_hint(err, "what config.json says of the quantization and the tensors must be of the same model");
    return WT_EFORMAT;
}

wt_status wt_hf_expect(const wt_hf_packing *q, const wt_weight *part, wt_dtype dtype, int rank, const int64_t *dims,
                       wt_err *err)
{
    char shape[96];
    const wt_shape want = wt_shape_make(rank, dims);
    if ((!dtype || part->dtype == dtype) && wt_shape_equal(&part->shape, &want))
        return WT_OK;
    return wt_hf_bad_part(q, part, err, "should be %s of %s", dtype ? wt_dtype_name(dtype) : "numbers",
                          wt_shape_text(&want, NULL, shape, sizeof shape));
}

wt_status wt_hf_factors(const wt_hf_packing *q, const wt_weight *part, wt_packed_factors *f, int64_t row_step,
                        int64_t group_step, wt_err *err)
{
    if (part->dtype != WT_F16 && part->dtype != WT_BF16 && part->dtype != WT_F32)
        return wt_hf_bad_part(q, part, err, "should be float16, bfloat16 or float32");
    *f = (wt_packed_factors){ wt_hf_bytes(part), part->dtype, row_step, group_step };
    return WT_OK;
}

wt_status wt_hf_count(const wt_hf_packing *q, const json_t *object, const char *names, int64_t fallback, int64_t low,
                      int64_t high, int64_t *out, wt_err *err)
{
    const json_t *value = wt_hf_get(object, names);
    const int len = (int)strcspn(names, "|");
    *out = value ? json_integer_value(value) : fallback;
    if ((!value || json_is_integer(value)) && *out >= low && *out <= high)
        return WT_OK;
    return wt_hf_refuse(q->m, WT_EFORMAT, "restore the file as the model's authors published it", err,
                        "\"%.*s\" of the quantization is no number from %lld to %lld", len, names, (long long)low,
                        (long long)high);
}

/* --- all tensors ---------------------------------------------------------------------------------------------------
 */
static wt_status add_matrix(wt_hf_packing *q, wt_err *err)
{
    char name[NAME];
    wt_arena *arena = wt_weights_arena(q->out);
    wt_packed *p = wt_arena_alloc(arena, 1, sizeof *p, err);
    wt_rows *rows = p ? wt_arena_alloc(arena, 1, sizeof *rows, err) : NULL;
    wt_shape shape = { 0 };
    if (!rows)
        return WT_ENOMEM;
    snprintf(name, sizeof name, "%s.weight", q->path);
    p->name = wt_arena_strdup(arena, name, err);
    if (!p->name)
        return WT_ENOMEM;
    WT_TRY(q->method->matrix(q, p, &shape, err));
    const wt_status st = wt_packed_choose(p, err);
    if (st != WT_OK) {
        wt_err_where(err, "%s", q->m->folder);
        return st;
    }
    *rows = (wt_rows){ .load = wt_packed_load, .from = p };
    const void *part = rows;
    const wt_weight w = { .name = { p->name, strlen(p->name) },
                          .dtype = p->dtype,
                          .shape = shape,
                          .form = WT_FORM_STACK,
                          .parts = &part,
                          .n_parts = 1,
                          .made = true,
                          .source = p->source };
    return wt_weights_add(q->out, &w, err);
}

static bool is_end(const char *name, size_t len, const char *suffix)
{
    const size_t n = strlen(suffix);
    return len > n && !memcmp(name + len - n, suffix, n);
}

/* Which part of a matrix a tensor is: its suffix; NULL: it is none. */
static const char *suffix_of(const wt_hf_packing *q, const wt_weight *w)
{
    const size_t most = WT_ARRAY_LEN(q->method->parts);
    if (is_end(w->name.data, w->name.len, q->method->marker))
        return q->method->marker;
    for (size_t i = 0; i < most && q->method->parts[i]; i++)
        if (is_end(w->name.data, w->name.len, q->method->parts[i]))
            return q->method->parts[i];
    return NULL;
}

static wt_status add_tensor(wt_hf_packing *q, const wt_weight *w, wt_err *err)
{
    char path[NAME];
    const char *suffix = suffix_of(q, w);
    if (!suffix)
        return wt_weights_add(q->out, w, err);
    snprintf(path, sizeof path, "%.*s", (int)(w->name.len - strlen(suffix)), w->name.data);
    q->path = path;
    if (suffix == q->method->marker)
        return add_matrix(q, err);
    if (wt_hf_part(q, q->method->marker))
        return WT_OK;
    if (!strcmp(suffix, ".weight") && w->dtype != WT_U32 && w->dtype != WT_U8 && w->dtype != WT_I8)
        return wt_weights_add(q->out, w, err); /* a matrix that was left alone */
    return wt_hf_bad_part(q, w, err, "belongs to no matrix: there is no '%.100s%s'", path, q->method->marker);
}

static const wt_hf_method *find_method(const char *name)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(methods); i++)
        if (!strcmp(methods[i]->name, name))
            return methods[i];
    return NULL;
}

/* MLX says "quantization", and the same again as quantization_config, without a method; of files that it took over from
 * another method the latter is the other's. */
static wt_status choose_method(wt_hf_packing *q, wt_err *err)
{
    const json_t *mlx = wt_hf_get(q->m->root, "quantization");
    const char *name = "mlx";
    q->config = mlx ? mlx : wt_hf_get(q->m->root, "quantization_config|compression_config");
    if (!mlx) {
        const json_t *method = wt_hf_get(q->config, "quant_method");
        name = method ? json_string_value(method) : name;
    }
    q->method = name && json_is_object(q->config) ? find_method(name) : NULL;
    if (q->method)
        return WT_OK;
    return wt_hf_refuse(q->m, WT_EUNSUPPORTED,
                        "known are mlx, gptq, awq, compressed-tensors, bitsandbytes and fp8; otherwise take the "
                        "original weights, and quantize them with whet",
                        err, "the weights are quantized in a way that is not known here (%.40s)", name ? name : "?");
}

wt_status wt_hf_unpack(wt_hf_model *m, wt_err *err)
{
    wt_hf_packing q = { .m = m };
    if (!wt_hf_get(m->root, "quantization|quantization_config|compression_config"))
        return WT_OK;
    WT_TRY(choose_method(&q, err));
    if (q.method->config)
        WT_TRY(q.method->config(&q, err));
    WT_TRY(wt_weights_new(&q.out, m->ctx, wt_weights_path(m->raw), "safetensors", err));
    wt_status st = WT_OK;
    for (size_t i = 0; i < wt_weights_count(m->raw) && st == WT_OK; i++)
        st = add_tensor(&q, wt_weights_at(m->raw, i), err);
    if (st == WT_OK)
        st = wt_weights_own(q.out, m->raw, err);
    if (st != WT_OK) {
        wt_weights_close(q.out);
        return st;
    }
    m->raw = q.out;
    m->packed = true;
    return WT_OK;
}
