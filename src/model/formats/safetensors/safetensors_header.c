/* safetensors_header.c - the JSON in front of the data, and whether the data it speaks of are there.
 *
 * As in the reference reader, tensors sorted by where they begin must fill the data section without gap or overlap, so
 * that no byte of the file has two meanings or none. */
#include "safetensors.h"
#include <stdlib.h>
#include "base/json.h"

typedef struct entry {
    wt_string name;
    wt_dtype dtype;
    wt_shape shape;
    uint64_t begin, end; /* in the data section */
} entry;

typedef struct header {
    wt_weights *set;
    const char *path;
    uint32_t file;
    const uint8_t *data;  /* the data section */
    uint64_t start, size; /* where it begins in the file, and its bytes */
    json_t *json;
    entry *entries;
    size_t n;
} header;

/* In the order of the reference, whose writer sorts by it. F6 types have no counterpart here. */
static const struct {
    const char *name;
    wt_dtype dtype;
} types[] = { { "BOOL", WT_BOOL },
              { "F4", WT_F4E2M1 },
              { "U8", WT_U8 },
              { "I8", WT_I8 },
              { "F8_E5M2", WT_F8E5M2 },
              { "F8_E4M3", WT_F8E4M3FN },
              { "F8_E8M0", WT_F8E8M0 },
              { "F8_E4M3FNUZ", WT_F8E4M3FNUZ },
              { "F8_E5M2FNUZ", WT_F8E5M2FNUZ },
              { "I16", WT_I16 },
              { "U16", WT_U16 },
              { "F16", WT_F16 },
              { "BF16", WT_BF16 },
              { "I32", WT_I32 },
              { "U32", WT_U32 },
              { "F32", WT_F32 },
              { "C64", WT_C64 },
              { "F64", WT_F64 },
              { "I64", WT_I64 },
              { "U64", WT_U64 } };

const char *wt_safetensors_dtype_name(wt_dtype dtype)
{
    const int rank = wt_safetensors_dtype_rank(dtype);
    return rank < 0 ? NULL : types[rank].name;
}

int wt_safetensors_dtype_rank(wt_dtype dtype)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (types[i].dtype == dtype)
            return (int)i;
    return -1;
}

#define SHOWN(s) (int)((s).len < 120 ? (s).len : 120), (s).data

static wt_status read_dtype(const header *h, entry *e, const json_t *value, wt_err *err)
{
    const char *name = json_string_value(json_object_get(value, "dtype"));
    if (!name)
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' has no \"dtype\"", SHOWN(e->name));
    for (size_t i = 0; i < WT_ARRAY_LEN(types); i++)
        if (!strcmp(types[i].name, name)) {
            e->dtype = types[i].dtype;
            return WT_OK;
        }
    wt_fail_at(err, WT_EUNSUPPORTED, 8, "tensor '%.*s' has the type '%.40s', which is not known here", SHOWN(e->name),
               name);
    wt_err_where(err, "%s", h->path);
    wt_err_hint(err, "store the tensor as F32, F16, BF16 or F8_E4M3");
    return WT_EUNSUPPORTED;
}

static bool natural(const json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

static wt_status read_shape(const header *h, entry *e, const json_t *value, wt_err *err)
{
    const json_t *dims = json_object_get(value, "shape");
    const size_t rank = json_array_size(dims);
    if (!json_is_array(dims))
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' has no \"shape\"", SHOWN(e->name));
    if (rank > WT_MAX_RANK)
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' has %zu dimensions, at most %d are allowed",
                                 SHOWN(e->name), rank, WT_MAX_RANK);
    e->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++)
        if (!natural(json_array_get(dims, i), &e->shape.dim[i]))
            return wt_weights_refuse(h->path, err, 8, "tensor '%.*s': dimension %zu is no count", SHOWN(e->name), i);
    return WT_OK;
}

static wt_status read_offsets(const header *h, entry *e, const json_t *value, wt_err *err)
{
    const json_t *pair = json_object_get(value, "data_offsets");
    int64_t begin = 0, end = 0, count = 0;
    size_t bytes = 0;
    if (json_array_size(pair) != 2 || !natural(json_array_get(pair, 0), &begin) ||
        !natural(json_array_get(pair, 1), &end) || begin > end)
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s': \"data_offsets\" is no [begin, end]", SHOWN(e->name));
    if (!wt_shape_count(&e->shape, &count) || !wt_dtype_bytes(e->dtype, (uint64_t)count, &bytes))
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s': its size overflows", SHOWN(e->name));
    if (count % wt_dtype_get(e->dtype)->block_len)
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' does not end at a whole byte", SHOWN(e->name));
    e->begin = (uint64_t)begin;
    e->end = (uint64_t)end;
    if (e->end - e->begin != bytes) {
        char shape[96];
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' has %llu bytes, but %s of %s needs %zu",
                                 SHOWN(e->name), (unsigned long long)(e->end - e->begin),
                                 wt_safetensors_dtype_name(e->dtype),
                                 wt_shape_text(&e->shape, NULL, shape, sizeof shape), bytes);
    }
    if (e->end > h->size)
        return wt_weights_refuse(h->path, err, h->start + e->begin,
                                 "tensor '%.*s' ends at %llu, but the file has %llu bytes", SHOWN(e->name),
                                 (unsigned long long)(h->start + e->end), (unsigned long long)(h->start + h->size));
    return WT_OK;
}

static wt_status read_entry(const header *h, entry *e, const json_t *value, wt_err *err)
{
    if (!e->name.len || e->name.len > WT_SAFETENSORS_MAX_NAME)
        return wt_weights_refuse(h->path, err, 8, "a tensor's name has %zu bytes, expected 1 to %d", e->name.len,
                                 WT_SAFETENSORS_MAX_NAME);
    if (!json_is_object(value))
        return wt_weights_refuse(h->path, err, 8, "tensor '%.*s' is described by no object", SHOWN(e->name));
    WT_TRY(read_dtype(h, e, value, err));
    WT_TRY(read_shape(h, e, value, err));
    return read_offsets(h, e, value, err);
}

static wt_status read_entries(header *h, wt_err *err)
{
    const char *key;
    size_t len;
    json_t *value;
    h->entries = wt_alloc(wt_weights_context(h->set), json_object_size(h->json), sizeof *h->entries, err);
    if (!h->entries)
        return WT_ENOMEM;
    json_object_keylen_foreach(h->json, key, len, value)
    {
        if (len == 12 && !memcmp(key, "__metadata__", len)) {
            const json_t *format = json_object_get(value, "format");
            if (!json_is_object(value))
                return wt_weights_refuse(h->path, err, 8, "\"__metadata__\" is no object");
            if (json_is_string(format))
                WT_TRY(wt_weights_set_string(h->set, "format", json_string_value(format), err));
            continue;
        }
        entry *e = &h->entries[h->n++];
        e->name = (wt_string){ key, len };
        WT_TRY(read_entry(h, e, value, err));
    }
    return WT_OK;
}

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int begin = (x->begin > y->begin) - (x->begin < y->begin);
    return begin ? begin : (x->end > y->end) - (x->end < y->end);
}

static wt_status check_places(const header *h, wt_err *err)
{
    uint64_t at = 0;
    for (size_t i = 0; i < h->n; i++) {
        const entry *e = &h->entries[i];
        if (e->begin != at)
            return wt_weights_refuse(h->path, err, h->start + e->begin, "tensor '%.*s' begins at %llu, %s",
                                     SHOWN(e->name), (unsigned long long)e->begin,
                                     e->begin < at ? "inside the one before it"
                                                   : "and bytes before it belong to no tensor");
        at = e->end;
    }
    if (at != h->size)
        return wt_weights_refuse(h->path, err, h->start + at, "%llu bytes behind the last tensor belong to none",
                                 (unsigned long long)(h->size - at));
    return WT_OK;
}

/* Types are aligned to their size, of which all are powers of two. */
static bool is_aligned(const void *data, wt_dtype dtype)
{
    return ((uintptr_t)data & (wt_dtype_get(dtype)->block_bytes - 1)) == 0;
}

static wt_status add_entry(const header *h, const entry *e, wt_err *err)
{
    const void *part = h->data + e->begin;
    const wt_weight weight = { .name = e->name,
                               .dtype = e->dtype,
                               .shape = e->shape,
                               .form = is_aligned(part, e->dtype) ? WT_FORM_AS_IS : WT_FORM_STACK,
                               .parts = &part,
                               .n_parts = 1,
                               .file = h->file,
                               .source = h->start + e->begin };
    const wt_status st = wt_weights_add(h->set, &weight, err);
    if (st != WT_OK)
        wt_err_where(err, "%s", h->path);
    return st;
}

static wt_status read_header(header *h, const uint8_t *bytes, uint64_t size, wt_err *err)
{
    uint64_t length = 0;
    if (size < 8)
        return wt_weights_refuse(h->path, err, 0, "the file has %llu bytes, too few for a safetensors file",
                                 (unsigned long long)size);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > WT_SAFETENSORS_MAX_HEADER || length > size - 8)
        return wt_weights_refuse(h->path, err, 0, "the header has %llu bytes, %s", (unsigned long long)length,
                                 length > WT_SAFETENSORS_MAX_HEADER ? "more than the 100000000 that are allowed"
                                                                    : "more than the file has");
    if (!length || bytes[8] != '{')
        return wt_weights_refuse(h->path, err, 8, "the header is no JSON object");
    h->start = 8 + length;
    h->size = size - h->start;
    h->data = bytes + h->start;
    WT_TRY(wt_json_parse(&h->json, (const char *)bytes + 8, (size_t)length, h->path, err));
    WT_TRY(read_entries(h, err));
    if (h->n)
        qsort(h->entries, h->n, sizeof *h->entries, by_place);
    WT_TRY(check_places(h, err));
    for (size_t i = 0; i < h->n; i++)
        WT_TRY(add_entry(h, &h->entries[i], err));
    return WT_OK;
}

wt_status wt_safetensors_header(wt_weights *set, uint32_t file, const uint8_t *bytes, uint64_t size, const char *path,
                                wt_err *err)
{
    header h = { .set = set, .path = path, .file = file };
    const wt_status st = read_header(&h, bytes, size, err);
    json_decref(h.json);
    wt_free(wt_weights_context(set), h.entries);
    return st;
}
