/* gguf_tensors.c - tensor infos, and where their data lie.
 *
 * As in the reference reader, data follow each other in the order of the infos, each padded to the alignment, without
 * gaps: so offsets can neither overlap nor leave the file unnoticed. */
#include "gguf_reader.h"
#include "base/str.h"

enum { LEAST_INFO = 8 + 1 + 4 + 4 + 8 }; /* name, dimension count, type, offset */

typedef struct info {
    wt_string name;
    wt_dtype dtype;
    wt_shape shape;
    size_t bytes;
    uint64_t source, offset; /* of the info; of the data in the data section */
} info;

static wt_status refuse_type(const wt_gguf_reader *r, const info *in, uint64_t at, uint32_t type, wt_err *err)
{
    const bool removed = type == 4 || type == 5 || (type >= 31 && type <= 33) || (type >= 36 && type <= 38);
    wt_fail_at(err, WT_EUNSUPPORTED, at, "tensor '%.*s' has type %u, %s", (int)in->name.len, in->name.data, type,
               removed                   ? "which was removed from the format"
               : type == 9 || type == 15 ? "which is for activations and never in files"
                                         : "which is not of the format (some forks have types of their own)");
    wt_err_where(err, "%s", r->path);
    wt_err_hint(err, "quantize the model again, from its original weights");
    return WT_EUNSUPPORTED;
}

static wt_status read_dims(wt_gguf_reader *r, info *in, wt_err *err)
{
    uint32_t n = 0;
    uint64_t dims[WT_GGUF_MAX_DIMS] = { 1, 1, 1, 1 };
    const uint64_t at = r->pos;
    WT_TRY(wt_gguf_u32(r, "a tensor's number of dimensions", &n, err));
    if (n > WT_GGUF_MAX_DIMS)
        return wt_weights_refuse(r->path, err, at, "tensor '%.*s' has %u dimensions, at most %d are allowed",
                                 (int)in->name.len, in->name.data, n, WT_GGUF_MAX_DIMS);
    for (uint32_t i = 0; i < n; i++) {
        WT_TRY(wt_gguf_u64(r, "a tensor's dimension", &dims[i], err));
        if (!dims[i] || dims[i] > INT64_MAX)
            return wt_weights_refuse(r->path, err, r->pos - 8, "tensor '%.*s': dimension %u is %llu", (int)in->name.len,
                                     in->name.data, i, (unsigned long long)dims[i]);
    }
    in->shape.rank = n ? (int)n : 1; /* no dimensions: one number */
    for (int i = 0; i < in->shape.rank; i++)
        in->shape.dim[i] = (int64_t)dims[in->shape.rank - 1 - i];
    return WT_OK;
}

static wt_status read_type(wt_gguf_reader *r, info *in, wt_err *err)
{
    uint32_t type = 0;
    int64_t count = 0;
    const uint64_t at = r->pos;
    WT_TRY(wt_gguf_u32(r, "a tensor's type", &type, err));
    in->dtype = wt_dtype_from_ggml(type);
    if (in->dtype == WT_DTYPE_NONE)
        return refuse_type(r, in, at, type, err);
    const int64_t row = in->shape.dim[in->shape.rank - 1], block = wt_dtype_get(in->dtype)->block_len;
    if (row % block)
        return wt_weights_refuse(
            r->path, err, at, "tensor '%.*s': rows of %lld are no multiple of the %lld of a block of %s",
            (int)in->name.len, in->name.data, (long long)row, (long long)block, wt_dtype_name(in->dtype));
    if (!wt_shape_count(&in->shape, &count) || !wt_dtype_bytes(in->dtype, (uint64_t)count, &in->bytes) ||
        in->bytes > SIZE_MAX - r->alignment)
        return wt_weights_refuse(r->path, err, at, "tensor '%.*s': its size overflows", (int)in->name.len,
                                 in->name.data);
    return WT_OK;
}

static wt_status read_info(wt_gguf_reader *r, info *in, wt_err *err)
{
    in->source = r->pos;
    WT_TRY(wt_gguf_string(r, "a tensor's name", &in->name, err));
    if (!in->name.len || in->name.len > WT_GGUF_MAX_NAME || !wt_utf8_valid(in->name.data, in->name.len)) {
        const char *why = !in->name.len                     ? "empty"
                          : in->name.len > WT_GGUF_MAX_NAME ? "longer than 63 bytes"
                                                            : "no text";
        return wt_weights_refuse(r->path, err, in->source, "a tensor's name of %zu bytes is %s", in->name.len, why);
    }
    WT_TRY(read_dims(r, in, err));
    WT_TRY(read_type(r, in, err));
    return wt_gguf_u64(r, "a tensor's offset", &in->offset, err);
}

static wt_status place(const wt_gguf_reader *r, const info *in, uint64_t start, uint64_t *expected, wt_err *err)
{
    if (in->offset != *expected)
        return wt_weights_refuse(
            r->path, err, in->source,
            "tensor '%.*s' is at offset %llu, expected %llu: data follow each other without gap or overlap",
            (int)in->name.len, in->name.data, (unsigned long long)in->offset, (unsigned long long)*expected);
    const uint64_t room = start < r->size ? r->size - start : 0;
    if (in->offset > room || in->bytes > room - in->offset) {
        wt_weights_refuse(r->path, err, in->source,
                          "tensor '%.*s' needs %zu bytes at %llu, but the file has %llu bytes", (int)in->name.len,
                          in->name.data, in->bytes, (unsigned long long)(start + in->offset),
                          (unsigned long long)r->size);
        wt_err_hint(err, "the file was cut off: download or convert it again");
        return WT_EFORMAT;
    }
    *expected = in->offset + (in->bytes + (r->alignment - 1)) / r->alignment * r->alignment;
    return WT_OK;
}

static wt_status view(wt_gguf_reader *r, const info *in, uint64_t at, const void **out, wt_err *err)
{
    *out = r->data + at;
    const wt_dtype_info *type = wt_dtype_get(in->dtype);
    if (!r->swap || type->block_bytes == 1)
        return WT_OK;
    void *own = wt_weights_pages(r->set, in->bytes, err);
    if (!own)
        return WT_ENOMEM;
    if (type->block_len == 1)
        wt_gguf_swap(own, *out, in->bytes / type->block_bytes, type->block_bytes);
    else
        wt_gguf_swap_blocks(own, *out, in->bytes, in->dtype);
    *out = own;
    return WT_OK;
}

static wt_status add(wt_gguf_reader *r, const info *in, uint64_t start, wt_err *err)
{
    const void *part = NULL;
    WT_TRY(view(r, in, start + in->offset, &part, err));
    const wt_weight weight = { .name = in->name,
                               .dtype = in->dtype,
                               .shape = in->shape,
                               .parts = &part,
                               .n_parts = 1,
                               .file = r->file,
                               .source = start + in->offset };
    const wt_status st = wt_weights_add(r->set, &weight, err);
    if (st == WT_EFORMAT)
        return wt_weights_refuse(r->path, err, in->source, "a second tensor has the name '%.*s'", (int)in->name.len,
                                 in->name.data);
    return st;
}

wt_status wt_gguf_read_tensors(wt_gguf_reader *r, wt_err *err)
{
    if (r->n_tensors > (r->size - r->pos) / LEAST_INFO)
        return wt_weights_refuse(r->path, err, 8, "%llu tensors do not fit in %llu bytes",
                                 (unsigned long long)r->n_tensors, (unsigned long long)(r->size - r->pos));
    wt_context *ctx = wt_weights_context(r->set);
    const size_t n = (size_t)r->n_tensors;
    info *list = wt_alloc(ctx, n, sizeof *list, err);
    if (!list)
        return WT_ENOMEM;
    wt_status st = WT_OK;
    uint64_t expected = 0;
    for (size_t i = 0; i < n && st == WT_OK; i++)
        st = read_info(r, &list[i], err);
    const uint64_t start = (r->pos + (r->alignment - 1)) / r->alignment * r->alignment;
    for (size_t i = 0; i < n && st == WT_OK; i++)
        st = place(r, &list[i], start, &expected, err);
    for (size_t i = 0; i < n && st == WT_OK; i++)
        st = add(r, &list[i], start, err);
    wt_free(ctx, list);
    return st;
}
