/* ml_encode.c - ai.onnx.ml's dictionaries: LabelEncoder, CategoryMapper, OneHotEncoder. Keys are sorted once and found
 * by halving; of equal keys the first counts; NaN is a key like others. */
#include "run/kernels/ref/ml_common.h"
#include <math.h>
#include <stdlib.h>

/* A key or a value: which member counts follows from the element type. */
typedef struct item {
    int64_t i;
    double d;
    wt_string s;
} item;

typedef enum item_kind { ITEM_INT, ITEM_REAL, ITEM_STRING, ITEM_NONE } item_kind;
static item_kind kind_of(wt_dtype t)
{
    switch (t) {
    case WT_STRING: return ITEM_STRING;
    case WT_F32:
    case WT_F64: return ITEM_REAL;
    case WT_I64:
    case WT_I32:
    case WT_I16: return ITEM_INT;
    default: return ITEM_NONE;
    }
}

static bool item_from(const void *data, wt_dtype t, size_t i, item *out)
{
    int16_t h;
    int32_t w;
    float f;
    switch (t) { /* attributes may lie unaligned in the file */
    case WT_I64: memcpy(&out->i, (const char *)data + i * 8, 8); return true;
    case WT_I32: memcpy(&w, (const char *)data + i * 4, 4), out->i = w; return true;
    case WT_I16: memcpy(&h, (const char *)data + i * 2, 2), out->i = h; return true;
    case WT_F64: memcpy(&out->d, (const char *)data + i * 8, 8); return true;
    case WT_F32: memcpy(&f, (const char *)data + i * 4, 4), out->d = (double)f; return true;
    case WT_STRING: memcpy(&out->s, (const char *)data + i * sizeof out->s, sizeof out->s); return true;
    default: return false;
    }
}

static void item_store(void *data, wt_dtype t, size_t i, const item *v)
{
    switch (t) {
    case WT_I64: ((int64_t *)data)[i] = v->i; break;
    case WT_I32: ((int32_t *)data)[i] = (int32_t)v->i; break;
    case WT_I16: ((int16_t *)data)[i] = (int16_t)v->i; break;
    case WT_F64: ((double *)data)[i] = v->d; break;
    case WT_F32: ((float *)data)[i] = (float)v->d; break;
    default: ((wt_string *)data)[i] = v->s; break;
    }
}

/* A list in an attribute: plain or a tensor. */
typedef struct list {
    wt_dtype type;
    const void *data;
    size_t n;
} list;

static list list_of(const wt_attrs *attrs, const char *name)
{
    const wt_attr *a = wt_attr_find(attrs, name);
    int64_t count;
    if (!a)
        return (list){ WT_DTYPE_NONE, NULL, 0 };
    switch (a->type) {
    case WT_ATTR_INTS: return (list){ WT_I64, a->v.ints, a->count };
    case WT_ATTR_FLOATS: return (list){ WT_F32, a->v.floats, a->count };
    case WT_ATTR_STRINGS: return (list){ WT_STRING, a->v.strings, a->count };
    case WT_ATTR_TENSOR:
        if (a->v.tensor->data && wt_shape_count(&a->v.tensor->shape, &count))
            return (list){ a->v.tensor->dtype, a->v.tensor->data, (size_t)count };
        break;
    default: break;
    }
    return (list){ WT_DTYPE_NONE, NULL, 0 };
}

static list first_of(const wt_attrs *attrs, const char *const *names, size_t n)
{
    list l = { WT_DTYPE_NONE, NULL, 0 };
    for (size_t i = 0; i < n && l.type == WT_DTYPE_NONE; i++)
        l = list_of(attrs, names[i]);
    return l;
}

typedef struct entry {
    item key;
    size_t at; /* position in the attribute */
} entry;

typedef struct encode_params {
    item_kind kind; /* of keys */
    entry *entries; /* sorted */
    size_t n;
    item *values; /* by position; NULL: the position itself */
    item fallback;
    bool zeros; /* OneHotEncoder: unknown categories are rows of zeros */
} encode_params;

static int compare_items(item_kind kind, const item *a, const item *b)
{
    if (kind == ITEM_INT)
        return a->i < b->i ? -1 : a->i > b->i;
    if (kind == ITEM_REAL) {
        if (isnan(a->d) || isnan(b->d))
            return isnan(a->d) - isnan(b->d);
        return a->d < b->d ? -1 : a->d > b->d;
    }
    const size_t n = a->s.len < b->s.len ? a->s.len : b->s.len;
    const int c = n ? memcmp(a->s.data, b->s.data, n) : 0;
    return c ? c : a->s.len < b->s.len ? -1 : a->s.len > b->s.len;
}

static int by_position(const entry *x, const entry *y) { return x->at < y->at ? -1 : x->at > y->at; }
static int int_order(const void *a, const void *b)
{
    const int c = compare_items(ITEM_INT, a, b);
    return c ? c : by_position(a, b);
}
static int real_order(const void *a, const void *b)
{
    const int c = compare_items(ITEM_REAL, a, b);
    return c ? c : by_position(a, b);
}
static int string_order(const void *a, const void *b)
{
    const int c = compare_items(ITEM_STRING, a, b);
    return c ? c : by_position(a, b);
}

static wt_status sort_keys(const wt_prep *p, encode_params *q, const list *keys, wt_err *err)
{
    static int (*const orders[])(const void *, const void *) = { int_order, real_order, string_order };
    q->kind = kind_of(keys->type);
    if (q->kind == ITEM_NONE)
        return wt_fail(err, WT_EFORMAT, "%s: keys of this element type are not supported", p->op_type);
    q->n = keys->n;
    q->entries = wt_arena_alloc(p->arena, keys->n + 1, sizeof *q->entries, err);
    if (!q->entries)
        return WT_ENOMEM;
    for (size_t i = 0; i < keys->n; i++) {
        item_from(keys->data, keys->type, i, &q->entries[i].key);
        q->entries[i].at = i;
    }
    qsort(q->entries, q->n, sizeof *q->entries, orders[q->kind]);
    return WT_OK;
}

/* Position of a key in its attribute; SIZE_MAX: unknown. */
static size_t find(const encode_params *q, const item *key)
{
    size_t low = 0, high = q->n;
    while (low < high) { /* the first entry that is not less */
        const size_t mid = low + (high - low) / 2;
        if (compare_items(q->kind, &q->entries[mid].key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < q->n && compare_items(q->kind, &q->entries[low].key, key) == 0 ? q->entries[low].at : SIZE_MAX;
}

static wt_status read_values(const wt_prep *p, encode_params *q, const list *values, wt_err *err)
{
    q->values = wt_arena_alloc(p->arena, values->n + 1, sizeof *q->values, err);
    if (!q->values)
        return WT_ENOMEM;
    for (size_t i = 0; i < values->n; i++)
        item_from(values->data, values->type, i, &q->values[i]);
    return WT_OK;
}

static void read_fallback(const wt_prep *p, encode_params *q, wt_dtype type)
{
    const list tensor = list_of(p->attrs, "default_tensor");
    const wt_attr *s = wt_attr_find(p->attrs, "default_string");
    q->fallback = (item){ .i = wt_attr_int(p->attrs, "default_int64", -1),
                          .d = (double)wt_attr_float(p->attrs, "default_float", -0.0f),
                          .s = { "_Unused", 7 } };
    if (s && s->type == WT_ATTR_STRING)
        q->fallback.s = s->v.s;
    if (tensor.n && kind_of(tensor.type) == kind_of(type))
        item_from(tensor.data, tensor.type, 0, &q->fallback);
}

/* --- LabelEncoder
 * ----------------------------------------------------------------------------------------------------------------------
 */
static bool encoder_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_has_out(p, 0) && kind_of(p->in[0]->dtype) != ITEM_NONE &&
           kind_of(p->out[0]->dtype) != ITEM_NONE && wt_all_plain(p);
}

/* Opset 1 has classes_strings alone: strings become their position, integers the string at that position. */
static wt_status old_encoder(wt_prep *p, encode_params *q, const list *classes, wt_err *err)
{
    list positions = { WT_I64, NULL, classes->n };
    int64_t *numbers = wt_arena_alloc(p->arena, classes->n + 1, sizeof *numbers, err);
    if (!numbers)
        return WT_ENOMEM;
    for (size_t i = 0; i < classes->n; i++)
        numbers[i] = (int64_t)i;
    positions.data = numbers;
    const bool to_int = p->in[0]->dtype == WT_STRING;
    WT_TRY(sort_keys(p, q, to_int ? classes : &positions, err));
    return read_values(p, q, to_int ? &positions : classes, err);
}

static wt_status encoder_prepare(wt_prep *p, wt_err *err)
{
    static const char *const key_names[] = { "keys_strings", "keys_int64s", "keys_floats", "keys_tensor" };
    static const char *const value_names[] = { "values_tensor", "values_strings", "values_int64s", "values_floats" };
    encode_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const list keys = first_of(p->attrs, key_names, WT_ARRAY_LEN(key_names));
    const list values = first_of(p->attrs, value_names, WT_ARRAY_LEN(value_names)),
               classes = list_of(p->attrs, "classes_strings");
    if (!q)
        return WT_ENOMEM;
    p->params = q;
    if (wt_count(p->in[0]) != wt_count(p->out[0]))
        return wt_fail(err, WT_EFORMAT, "%s: input and output differ in size", p->op_type);
    read_fallback(p, q, p->out[0]->dtype);
    if (keys.type == WT_DTYPE_NONE && classes.type == WT_STRING)
        return old_encoder(p, q, &classes, err);
    if (keys.n != values.n || kind_of(keys.type) != kind_of(p->in[0]->dtype) ||
        kind_of(values.type) != kind_of(p->out[0]->dtype))
        return wt_fail(err, WT_EFORMAT, "%s: %zu keys and %zu values do not fit the data", p->op_type, keys.n,
                       values.n);
    WT_TRY(sort_keys(p, q, &keys, err));
    return read_values(p, q, &values, err);
}

static wt_status encoder_run(const wt_run *r, wt_err *err)
{
    const encode_params *q = r->params;
    const size_t n = wt_count(r->in[0]);
    (void)err;
    if (wt_run_is_empty(r))
        return WT_OK;
    for (size_t i = 0; i < n; i++) {
        item key = { 0 };
        item_from(r->in[0]->data, r->in[0]->dtype, i, &key);
        const size_t at = find(q, &key);
        item_store(wt_tensor_mut(r->out[0]), r->out[0]->dtype, i, at == SIZE_MAX ? &q->fallback : &q->values[at]);
    }
    return WT_OK;
}

/* --- CategoryMapper
 * --------------------------------------------------------------------------------------------------------------------
 */
static bool mapper_accepts(const wt_prep *p)
{
    return (wt_in_is(p, 0, WT_STRING) && wt_out_is(p, 0, WT_I64)) ||
           (wt_in_is(p, 0, WT_I64) && wt_out_is(p, 0, WT_STRING));
}

static wt_status mapper_prepare(wt_prep *p, wt_err *err)
{
    encode_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const list ints = list_of(p->attrs, "cats_int64s"), strings = list_of(p->attrs, "cats_strings");
    if (!q)
        return WT_ENOMEM;
    p->params = q;
    if (ints.type != WT_I64 || strings.type != WT_STRING || ints.n != strings.n ||
        wt_count(p->in[0]) != wt_count(p->out[0]))
        return wt_fail(err, WT_EFORMAT, "%s: cats_int64s has %zu values, cats_strings %zu", p->op_type, ints.n,
                       strings.n);
    read_fallback(p, q, p->out[0]->dtype);
    const bool to_int = p->in[0]->dtype == WT_STRING;
    WT_TRY(sort_keys(p, q, to_int ? &strings : &ints, err));
    return read_values(p, q, to_int ? &ints : &strings, err);
}

/* --- OneHotEncoder
 * ---------------------------------------------------------------------------------------------------------------------
 */
static bool one_hot_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_out_is(p, 0, WT_F32) && kind_of(p->in[0]->dtype) != ITEM_NONE && wt_all_plain(p);
}

static wt_status one_hot_prepare(wt_prep *p, wt_err *err)
{
    static const char *const names[] = { "cats_int64s", "cats_strings" };
    encode_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    const list cats = first_of(p->attrs, names, WT_ARRAY_LEN(names));
    if (!q)
        return WT_ENOMEM;
    p->params = q;
    q->zeros = wt_attr_int(p->attrs, "zeros", 1) != 0;
    if (wt_count(p->out[0]) != wt_count(p->in[0]) * cats.n ||
        (kind_of(cats.type) == ITEM_STRING) != (p->in[0]->dtype == WT_STRING))
        return wt_fail(err, WT_EFORMAT, "%s: %zu categories do not fit the data", p->op_type, cats.n);
    return sort_keys(p, q, &cats, err);
}

static wt_status one_hot_run(const wt_run *r, wt_err *err)
{
    const encode_params *q = r->params;
    const size_t n = wt_count(r->in[0]);
    float *y = wt_out_f32(r, 0);
    if (wt_run_is_empty(r))
        return WT_OK;
    memset(y, 0, n * q->n * sizeof *y);
    for (size_t i = 0; i < n; i++) {
        item key = { 0 };
        item_from(r->in[0]->data, r->in[0]->dtype, i, &key);
        if (kind_of(r->in[0]->dtype) == ITEM_REAL) /* categories are integers */
            key.i = key.d >= -9e18 && key.d <= 9e18 ? (int64_t)key.d : INT64_MIN;
        const size_t at = find(q, &key);
        if (at != SIZE_MAX)
            y[i * q->n + at] = 1;
        else if (!q->zeros)
            return wt_fail(err, WT_EFORMAT, "element %zu is none of the categories", i);
    }
    return WT_OK;
}

const wt_kernel wt_ml_encode_rows[] = {
    { .name = "labelencoder_any_ref",
      .op = WT_OP_LABELENCODER,
      .accepts = encoder_accepts,
      .prepare = encoder_prepare,
      .run = encoder_run },
    { .name = "categorymapper_any_ref",
      .op = WT_OP_CATEGORYMAPPER,
      .accepts = mapper_accepts,
      .prepare = mapper_prepare,
      .run = encoder_run },
    { .name = "onehotencoder_any_ref",
      .op = WT_OP_ONEHOTENCODER,
      .accepts = one_hot_accepts,
      .prepare = one_hot_prepare,
      .run = one_hot_run },
    { .name = NULL },
};
