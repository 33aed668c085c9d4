/* gguf_write.c - streaming a GGUF file: the offsets are known before any data, so nothing is gone back to. */
#include "gguf.h"
#include <sys/stat.h>
#include "base/hash.h"

typedef struct region {
    uint64_t bytes, padded;
} region;

struct wt_gguf_writer {
    wt_context *ctx;
    wt_outfile *file;
    char *path; /* owned */
    region *regions;
    size_t n, at;  /* tensors; the one whose data come next */
    uint64_t left; /* bytes of it to come */
    uint64_t alignment, n_keys;
    char hash[65];
};

static wt_status put(wt_gguf_writer *w, const void *bytes, size_t len, wt_err *err)
{
    return len ? wt_outfile_write(w->file, bytes, len, err) : WT_OK;
}
static wt_status put_u32(wt_gguf_writer *w, uint32_t v, wt_err *err) { return put(w, &v, sizeof v, err); }
static wt_status put_u64(wt_gguf_writer *w, uint64_t v, wt_err *err) { return put(w, &v, sizeof v, err); }
static wt_status put_string(wt_gguf_writer *w, wt_string s, wt_err *err)
{
    WT_TRY(put_u64(w, s.len, err));
    return put(w, s.data, s.len, err);
}
static wt_status put_zeros(wt_gguf_writer *w, uint64_t n, wt_err *err)
{
    static const uint8_t zeros[256];
    for (; n > sizeof zeros; n -= sizeof zeros)
        WT_TRY(put(w, zeros, sizeof zeros, err));
    return put(w, zeros, (size_t)n, err);
}

/* --- keys ------------------------------------------------------------------------------------------------------------
 */

static bool starts(wt_string s, const char *prefix)
{
    return s.len >= strlen(prefix) && !memcmp(s.data, prefix, strlen(prefix));
}

static bool is_split(wt_string key) { return starts(key, "split."); }

/* llama.cpp asks for exact types: counts u32, real numbers f32, flags bool. Files of other tools may hold wider ones.
 */
static wt_meta_type wanted_type(const wt_meta *m)
{
    int64_t v = 0;
    if (m->is_array || m->type == WT_META_STRING || m->type == WT_META_BOOL)
        return m->type;
    if (m->type == WT_META_F64)
        return WT_META_F32;
    const bool is_integer = m->type == WT_META_I32 || m->type == WT_META_I64 || m->type == WT_META_U64;
    return is_integer && wt_meta_int_at(m, 0, &v) && v >= 0 && v <= UINT32_MAX ? WT_META_U32 : m->type;
}

static wt_status put_scalar(wt_gguf_writer *w, const wt_meta *m, wt_err *err)
{
    const wt_meta_type type = wanted_type(m);
    int64_t integer = 0;
    double real = 0;
    if (type == m->type)
        return put(w, m->data, wt_meta_type_bytes(type), err);
    if (type == WT_META_F32 && wt_meta_float_at(m, 0, &real))
        return put(w, &(float){ (float)real }, sizeof(float), err);
    wt_meta_int_at(m, 0, &integer); /* wanted_type saw that it can be done */
    return put_u32(w, (uint32_t)integer, err);
}

static wt_status put_key(wt_gguf_writer *w, const wt_meta *m, wt_err *err)
{
    WT_TRY(put_string(w, m->key, err));
    WT_TRY(put_u32(w, m->is_array ? WT_META_ARRAY : (uint32_t)wanted_type(m), err));
    if (m->is_array) {
        WT_TRY(put_u32(w, (uint32_t)m->type, err));
        WT_TRY(put_u64(w, m->count, err));
    }
    if (m->type == WT_META_STRING) {
        for (uint64_t i = 0; i < m->count; i++)
            WT_TRY(put_string(w, m->strings[i], err));
        return WT_OK;
    }
    return m->is_array ? put(w, m->data, (size_t)m->count * wt_meta_type_bytes(m->type), err) : put_scalar(w, m, err);
}

static wt_status put_keys(wt_gguf_writer *w, const wt_weights *keys, wt_err *err)
{
    for (size_t i = 0; i < wt_weights_meta_count(keys); i++)
        if (!is_split(wt_weights_meta_at(keys, i)->key))
            WT_TRY(put_key(w, wt_weights_meta_at(keys, i), err));
    return WT_OK;
}

/* --- infos -----------------------------------------------------------------------------------------------------------
 */

/* Outermost dimensions of 1 are not written. */
static int dims_written(const wt_shape *shape)
{
    int first = 0;
    while (first + 1 < shape->rank && shape->dim[first] == 1)
        first++;
    return shape->rank - first;
}

static wt_status check_entry(const wt_gguf_entry *e, region *r, wt_err *err)
{
    size_t bytes = 0;
    int64_t n = 0;
    const wt_dtype_info *type = wt_dtype_get(e->dtype);
    const char *why = NULL;
    if (!e->name.len || e->name.len > WT_GGUF_MAX_NAME)
        why = "its name is longer than the 63 bytes that readers allow";
    else if (e->shape.rank < 1 || dims_written(&e->shape) > WT_GGUF_MAX_DIMS)
        why = "it has more dimensions than the format's four";
    else if (type->ggml_code < 0)
        why = "the format has no such element type";
    else if (e->shape.dim[e->shape.rank - 1] % type->block_len)
        why = "its rows are no multiple of the type's block";
    else if (!wt_shape_count(&e->shape, &n) || n <= 0 || !wt_dtype_bytes(e->dtype, (uint64_t)n, &bytes))
        why = "its size is not possible";
    if (why)
        return wt_fail(err, WT_EUNSUPPORTED, "tensor '%.*s' (%s) cannot be written as GGUF: %s", (int)e->name.len,
                       e->name.data, wt_dtype_name(e->dtype), why);
    r->bytes = bytes;
    return WT_OK;
}

static wt_status put_infos(wt_gguf_writer *w, const wt_gguf_entry *entries, wt_err *err)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < w->n; i++) {
        const wt_gguf_entry *e = &entries[i];
        const int dims = dims_written(&e->shape);
        WT_TRY(put_string(w, e->name, err));
        WT_TRY(put_u32(w, (uint32_t)dims, err));
        for (int d = 0; d < dims; d++)
            WT_TRY(put_u64(w, (uint64_t)e->shape.dim[e->shape.rank - 1 - d], err));
        WT_TRY(put_u32(w, (uint32_t)wt_dtype_get(e->dtype)->ggml_code, err));
        WT_TRY(put_u64(w, offset, err));
        offset += w->regions[i].padded;
    }
    const uint64_t at = wt_outfile_tell(w->file);
    return put_zeros(w, (w->alignment - at % w->alignment) % w->alignment, err);
}

static wt_status prepare(wt_gguf_writer *w, const wt_weights *keys, const wt_gguf_entry *entries, wt_err *err)
{
    int64_t alignment = 0;
    WT_TRY(wt_weights_int(keys, "general.alignment", WT_GGUF_ALIGNMENT, &alignment, err));
    if (alignment <= 0 || (alignment & (alignment - 1)))
        return wt_fail(err, WT_EFORMAT, "general.alignment is %lld, no power of two", (long long)alignment);
    w->alignment = (uint64_t)alignment;
    w->regions = wt_alloc(w->ctx, w->n, sizeof *w->regions, err);
    if (!w->regions)
        return WT_ENOMEM;
    for (size_t i = 0; i < w->n; i++) {
        WT_TRY(check_entry(&entries[i], &w->regions[i], err));
        w->regions[i].padded = (w->regions[i].bytes + w->alignment - 1) / w->alignment * w->alignment;
    }
    for (size_t i = 0; i < wt_weights_meta_count(keys); i++)
        w->n_keys += !is_split(wt_weights_meta_at(keys, i)->key);
    w->left = w->n ? w->regions[0].bytes : 0;
    return WT_OK;
}

static wt_status begin(wt_gguf_writer *w, const wt_weights *keys, const wt_gguf_entry *entries, const char *path,
                       bool force, wt_err *err)
{
    const size_t len = strlen(path) + 1;
    w->path = wt_alloc_raw(w->ctx, len, 1, err);
    if (!w->path)
        return WT_ENOMEM;
    memcpy(w->path, path, len);
    WT_TRY(prepare(w, keys, entries, err));
    WT_TRY(wt_outfile_open(&w->file, w->ctx, path, force, err));
    WT_TRY(put(w, "GGUF", 4, err));
    WT_TRY(put_u32(w, WT_GGUF_VERSION, err));
    WT_TRY(put_u64(w, w->n, err));
    WT_TRY(put_u64(w, w->n_keys, err));
    WT_TRY(put_keys(w, keys, err));
    return put_infos(w, entries, err);
}

/* --- the writer
 * ------------------------------------------------------------------------------------------------------- */

wt_status wt_gguf_writer_open(wt_gguf_writer **out, const wt_weights *keys, const wt_gguf_entry *entries, size_t n,
                              const char *path, bool force, wt_err *err)
{
    *out = NULL;
    wt_context *ctx = wt_weights_context(keys);
    wt_gguf_writer *w = wt_alloc(ctx, 1, sizeof *w, err);
    if (!w)
        return WT_ENOMEM;
    w->ctx = ctx;
    w->n = n;
    const wt_status st = begin(w, keys, entries, path, force, err);
    if (st == WT_OK) {
        *out = w;
        return WT_OK;
    }
    wt_gguf_writer_abort(w);
    return st;
}

void wt_gguf_writer_abort(wt_gguf_writer *w)
{
    if (!w)
        return;
    wt_outfile_abort(w->file);
    wt_free(w->ctx, w->regions);
    wt_free(w->ctx, w->path);
    wt_free(w->ctx, w);
}

wt_status wt_gguf_writer_put(wt_gguf_writer *w, const void *bytes, size_t len, wt_err *err)
{
    if (len > w->left)
        return wt_fail(err, WT_EINTERNAL, "data beyond the end of tensor %zu", w->at);
    WT_TRY(put(w, bytes, len, err));
    w->left -= len;
    if (w->left || w->at == w->n)
        return WT_OK;
    WT_TRY(put_zeros(w, w->regions[w->at].padded - w->regions[w->at].bytes, err));
    w->at++;
    w->left = w->at < w->n ? w->regions[w->at].bytes : 0;
    return WT_OK;
}

/* What is on the disk: the bytes that were written, and a file that the reader takes. */
static wt_status read_back(const wt_gguf_writer *w, wt_err *err)
{
    struct stat st;
    char hash[65];
    wt_weights *again = NULL;
    if (stat(w->path, &st) == 0 && !S_ISREG(st.st_mode)) /* a pipe or a device: gone */
        return WT_OK;
    WT_TRY(wt_hash_file(w->ctx, w->path, hash, err));
    if (strcmp(hash, w->hash) != 0)
        return wt_fail(err, WT_EIO, "%s reads back differently from what was written", w->path);
    WT_TRY(wt_gguf_open(&again, w->ctx, w->path, err));
    const bool same = wt_weights_count(again) == w->n && wt_weights_meta_count(again) == w->n_keys;
    wt_weights_close(again);
    return same ? WT_OK : wt_fail(err, WT_EINTERNAL, "%s reads back as other weights", w->path);
}

wt_status wt_gguf_writer_commit(wt_gguf_writer *w, wt_written *written, wt_err *err)
{
    wt_outfile *file = w->file;
    const uint64_t bytes = wt_outfile_tell(file);
    wt_status st = w->at == w->n ? WT_OK : wt_fail(err, WT_EINTERNAL, "tensor %zu of %zu is not whole", w->at, w->n);
    if (st == WT_OK) {
        w->file = NULL;
        st = wt_outfile_commit(file, w->hash, err);
    }
    if (st == WT_OK)
        st = read_back(w, err);
    if (st == WT_OK && written)
        st = wt_written_add(written, w->ctx, w->path, bytes, w->hash, err);
    wt_gguf_writer_abort(w);
    return st;
}
