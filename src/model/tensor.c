/* tensor.c - the dtype table, shapes and their arithmetic, tensors that own their bytes.
 *
 * Everything that multiplies dims checks for overflow: dims come from files. Data may be unaligned (a view into a
 * mapped file), so elements are read with memcpy. */
#include "model/tensor.h"
#include <stdio.h>

static const wt_dtype_info dtypes[WT_DTYPE_COUNT] = {
    [WT_DTYPE_NONE] = { "unknown", 1, 0, 0, "", -1 },
#define X(id, name, block_len, block_bytes, onnx, numpy, ggml)                                                         \
    [WT_##id] = { name, block_len, block_bytes, onnx, numpy, ggml },
#include "model/dtypes.def"
#undef X
};

const wt_dtype_info *wt_dtype_get(wt_dtype dtype)
{
    return &dtypes[(unsigned)dtype < WT_DTYPE_COUNT ? dtype : WT_DTYPE_NONE];
}

const char *wt_dtype_name(wt_dtype dtype) { return dtype == WT_DTYPE_NONE ? "?" : wt_dtype_get(dtype)->name; }

wt_dtype wt_dtype_from_onnx(int64_t code)
{
    for (int t = WT_DTYPE_NONE + 1; t < WT_DTYPE_COUNT && code > 0; t++)
        if (dtypes[t].onnx_code == code)
            return (wt_dtype)t;
    return WT_DTYPE_NONE;
}

wt_dtype wt_dtype_from_ggml(uint32_t code)
{
    for (int t = WT_DTYPE_NONE + 1; t < WT_DTYPE_COUNT; t++)
        if (dtypes[t].ggml_code >= 0 && (uint32_t)dtypes[t].ggml_code == code)
            return (wt_dtype)t;
    return WT_DTYPE_NONE;
}

wt_dtype wt_dtype_from_name(const char *name)
{
    for (int t = WT_DTYPE_NONE + 1; t < WT_DTYPE_COUNT && name; t++)
        if (strcmp(dtypes[t].name, name) == 0)
            return (wt_dtype)t;
    return WT_DTYPE_NONE;
}

bool wt_dtype_bytes(wt_dtype dtype, uint64_t n, size_t *bytes)
{
    const wt_dtype_info *info = wt_dtype_get(dtype);
    if (info->block_bytes == 0)
        return false;
    const uint64_t blocks = n / info->block_len + (n % info->block_len != 0);
    return blocks <= SIZE_MAX && !wt_mul_overflows((size_t)blocks, info->block_bytes, bytes);
}

/* --- shapes ------------------------------------------------------------------------------------------------ */
bool wt_shape_known(const wt_shape *shape)
{
    if (shape->rank < 0)
        return false;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0)
            return false;
    return true;
}

bool wt_shape_equal(const wt_shape *a, const wt_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool wt_shape_count(const wt_shape *shape, int64_t *count)
{
    int64_t n = 1;
    bool overflow = false, zero = false;
    if (!wt_shape_known(shape))
        return false;
    for (int i = 0; i < shape->rank; i++) {
        zero |= shape->dim[i] == 0;
        overflow |= __builtin_mul_overflow(n, shape->dim[i], &n);
    }
    *count = zero ? 0 : n;
    return zero || !overflow;
}

int64_t wt_shape_product(const wt_shape *shape, int from, int to)
{
    int64_t n = 1;
    bool overflow = false;
    for (int i = from; i < to; i++) {
        if (shape->dim[i] == 0)
            return 0;
        overflow |= __builtin_mul_overflow(n, shape->dim[i], &n);
    }
    return overflow ? INT64_MAX : n; /* only where another dim is 0: nothing is ever addressed with it */
}

wt_shape wt_shape_make(int rank, const int64_t *dims)
{
    wt_shape s = { .rank = rank > WT_MAX_RANK ? -1 : rank };
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = dims[i];
    return s;
}

const char *wt_shape_text(const wt_shape *shape, const char *const *symbols, char *out, size_t size)
{
    size_t len = 0;
    if (size == 0)
        return out;
    if (shape->rank <= 0) {
        snprintf(out, size, "%s", shape->rank == 0 ? "scalar" : "?");
        return out;
    }
    out[0] = 0;
    for (int i = 0; i < shape->rank && len < size; i++) {
        const int64_t d = shape->dim[i];
        const char *cross = i ? "x" : "";
        int n;
        if (d >= 0)
            n = snprintf(out + len, size - len, "%s%lld", cross, (long long)d);
        else
            n = snprintf(out + len, size - len, "%s%s", cross,
                         WT_DIM_IS_SYMBOL(d) && symbols ? symbols[WT_DIM_SYMBOL_INDEX(d)] : "?");
        if (n < 0)
            break;
        len += (size_t)n;
    }
    return out;
}

/* One dim of a broadcast. A known dim above 1 decides: the unknown other can only be 1 or the same. */
static bool broadcast_dim(int64_t a, int64_t b, int64_t *out)
{
    if (a == b || b == 1)
        *out = a;
    else if (a == 1)
        *out = b;
    else if (a >= 0 && b >= 0)
        return false;
    else if (a >= 0 || b >= 0)
        *out = a >= 0 ? a : b;
    else
        *out = WT_DIM_ANY;
    return true;
}

wt_status wt_shape_broadcast(const wt_shape *a, const wt_shape *b, wt_shape *out, wt_err *err)
{
    char ta[96], tb[96];
    wt_shape s = { .rank = -1 };
    if (a->rank >= 0 && b->rank >= 0) {
        s.rank = a->rank > b->rank ? a->rank : b->rank;
        for (int i = 1; i <= s.rank; i++) {
            const int64_t da = i <= a->rank ? a->dim[a->rank - i] : 1, db = i <= b->rank ? b->dim[b->rank - i] : 1;
            if (!broadcast_dim(da, db, &s.dim[s.rank - i]))
                return wt_fail(err, WT_EFORMAT, "shapes %s and %s do not broadcast: %lld meets %lld",
                               wt_shape_text(a, NULL, ta, sizeof ta), wt_shape_text(b, NULL, tb, sizeof tb),
                               (long long)da, (long long)db);
        }
    }
    *out = s;
    return WT_OK;
}

int wt_axis(int64_t axis, int rank, bool allow_end)
{
    const int64_t last = allow_end ? rank : rank - 1;
    if (axis < -(int64_t)rank || axis > last)
        return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* --- tensors ------------------------------------------------------------------------------------------------ */
bool wt_tensor_size(const wt_tensor *t, size_t *bytes)
{
    wt_shape s = t->shape;
    int64_t n;
    if (t->layout == WT_C16) {
        if (s.rank < 2 || s.dim[1] < 0 || s.dim[1] > INT64_MAX - 15)
            return false;
        s.dim[1] = (s.dim[1] + 15) / 16 * 16;
    }
    return wt_shape_count(&s, &n) && wt_dtype_bytes(t->dtype, (uint64_t)n, bytes);
}

/* The address of element i if it lies within the data; sub-byte types: of the byte that holds it. */
static const uint8_t *element(const wt_tensor *t, int64_t i)
{
    const wt_dtype_info *info = wt_dtype_get(t->dtype);
    size_t end;
    if (!t->data || i < 0 || t->layout != WT_PLAIN || !wt_dtype_bytes(t->dtype, (uint64_t)i + 1, &end) ||
        end > t->bytes)
        return NULL;
    return (const uint8_t *)t->data + end - info->block_bytes;
}

/* Element i of a packed type with `bits` bits each, low bits first. */
static unsigned packed(const uint8_t *byte, int64_t i, unsigned bits)
{
    const unsigned per_byte = 8 / bits, shift = (unsigned)(i % per_byte) * bits;
    return (unsigned)*byte >> shift & ((1u << bits) - 1);
}

#define READER(type)                                                                                                   \
    static type##_t read_##type(const void *p)                                                                         \
    {                                                                                                                  \
        type##_t v;                                                                                                    \
        memcpy(&v, p, sizeof v);                                                                                       \
        return v;                                                                                                      \
    }
READER(int16)
READER(uint16)
READER(int32)
READER(uint32)
READER(int64)
READER(uint64)
#undef READER

bool wt_tensor_int(const wt_tensor *t, int64_t i, int64_t *out)
{
    const uint8_t *p = element(t, i);
    if (!p)
        return false;
    switch (t->dtype) {
    case WT_I64: *out = read_int64(p); return true;
    case WT_I32: *out = read_int32(p); return true;
    case WT_I16: *out = read_int16(p); return true;
    case WT_I8: *out = (int8_t)*p; return true;
    case WT_U32: *out = read_uint32(p); return true;
    case WT_U16: *out = read_uint16(p); return true;
    case WT_U8: *out = *p; return true;
    case WT_BOOL: *out = *p != 0; return true;
    case WT_U4: *out = packed(p, i, 4); return true;
    case WT_I4: *out = (int64_t)(packed(p, i, 4) ^ 8) - 8; return true;
    case WT_U2: *out = packed(p, i, 2); return true;
    case WT_I2: *out = (int64_t)(packed(p, i, 2) ^ 2) - 2; return true;
    case WT_U64: {
        const uint64_t v = read_uint64(p);
        *out = (int64_t)v;
        return v <= INT64_MAX;
    }
    default: return false;
    }
}

bool wt_tensor_double(const wt_tensor *t, int64_t i, double *out)
{
    const uint8_t *p = element(t, i);
    float f;
    int64_t v;
    if (!p)
        return false;
    switch (t->dtype) {
    case WT_F32:
        memcpy(&f, p, sizeof f);
        *out = (double)f;
        return true;
    case WT_F64: memcpy(out, p, sizeof *out); return true;
    case WT_F16: *out = (double)wt_f16_to_f32(read_uint16(p)); return true;
    case WT_BF16: *out = (double)wt_bf16_to_f32(read_uint16(p)); return true;
    case WT_U64: *out = (double)read_uint64(p); return true;
    case WT_F8E4M3FN:
    case WT_F8E4M3FNUZ:
    case WT_F8E5M2:
    case WT_F8E5M2FNUZ:
    case WT_F8E8M0: *out = (double)wt_f8_to_f32(*p, t->dtype); return true;
    case WT_F4E2M1: *out = (double)wt_f4_to_f32((uint8_t)packed(p, i, 4)); return true;
    default:
        if (!wt_tensor_int(t, i, &v))
            return false;
        *out = (double)v;
        return true;
    }
}

wt_status wt_tensor_new(wt_tensor **out, wt_context *ctx, wt_dtype dtype, const wt_shape *shape, wt_err *err)
{
    wt_tensor t = { .dtype = dtype, .layout = WT_PLAIN, .shape = *shape };
    const size_t head = wt_align_up(sizeof t, 64);
    size_t total;
    char text[96];
    *out = NULL;
    if (!wt_tensor_size(&t, &t.bytes) || wt_add_overflows(t.bytes, head, &total))
        return wt_fail(err, WT_EFORMAT, "no tensor of type %s can have the shape %s", wt_dtype_get(dtype)->name,
                       wt_shape_text(shape, NULL, text, sizeof text));
    uint8_t *block = wt_alloc(ctx, 1, total, err);
    if (!block)
        return WT_ENOMEM;
    t.data = block + head;
    memcpy(block, &t, sizeof t);
    *out = (wt_tensor *)(void *)block;
    return WT_OK;
}

/* Strings: one block of header, wt_string array and the bytes behind it. */
static wt_status clone_strings(wt_tensor **out, wt_context *ctx, const wt_tensor *t, wt_err *err)
{
    const size_t head = wt_align_up(sizeof *t, 64), n = t->bytes / sizeof(wt_string);
    size_t total = head + t->bytes;
    for (size_t i = 0; i < n; i++) {
        wt_string s;
        memcpy(&s, (const uint8_t *)t->data + i * sizeof s, sizeof s);
        if (wt_add_overflows(total, s.len, &total))
            return wt_fail(err, WT_ENOMEM, "the strings of a tensor exceed the address space");
    }
    uint8_t *block = wt_alloc(ctx, 1, total, err);
    if (!block)
        return WT_ENOMEM;
    wt_tensor *copy = (wt_tensor *)(void *)block;
    wt_string *strings = (wt_string *)(void *)(block + head);
    char *bytes = (char *)(strings + n);
    *copy = *t;
    copy->data = strings;
    for (size_t i = 0; i < n; i++) {
        wt_string s;
        memcpy(&s, (const uint8_t *)t->data + i * sizeof s, sizeof s);
        if (s.len)
            memcpy(bytes, s.data, s.len);
        strings[i] = (wt_string){ bytes, s.len };
        bytes += s.len;
    }
    *out = copy;
    return WT_OK;
}

wt_status wt_tensor_clone(wt_tensor **out, wt_context *ctx, const wt_tensor *t, wt_err *err)
{
    const size_t head = wt_align_up(sizeof *t, 64);
    size_t total;
    *out = NULL;
    if (t->dtype == WT_STRING && t->data)
        return clone_strings(out, ctx, t, err);
    if (wt_add_overflows(head, t->data ? t->bytes : 0, &total))
        return wt_fail(err, WT_ENOMEM, "a tensor of %zu bytes exceeds the address space", t->bytes);
    uint8_t *block = wt_alloc(ctx, 1, total, err);
    if (!block)
        return WT_ENOMEM;
    wt_tensor *copy = (wt_tensor *)(void *)block;
    *copy = *t;
    copy->data = t->data ? block + head : NULL;
    if (t->data && t->bytes)
        memcpy(block + head, t->data, t->bytes);
    *out = copy;
    return WT_OK;
}
