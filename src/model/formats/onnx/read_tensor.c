/* read_tensor.c - TensorProto and SparseTensorProto into tensors.
 *
 * Data that lie in the file as they lie in memory (raw_data, one packed run of float_data or double_data, external
 * data) become views, aligned or not. Numbers written as varints are decoded into the arena. A tensor says its size
 * twice, by its dims and by its data: both must agree. */
#include "reader.h"

enum { N_DATA = 6 };
/* The typed arrays, and which element types live in them. */
typedef struct data_field {
    uint32_t number;
    int wire;
    const char *what;
    size_t size; /* bytes of one number where it is copied as it is */
} data_field;
static const data_field fields[N_DATA] = {
    { TENSOR_FLOAT_DATA, WT_PB_FIXED32, "TensorProto.float_data", 4 },
    { TENSOR_INT32_DATA, WT_PB_VARINT, "TensorProto.int32_data", 0 },
    { TENSOR_INT64_DATA, WT_PB_VARINT, "TensorProto.int64_data", 0 },
    { TENSOR_DOUBLE_DATA, WT_PB_FIXED64, "TensorProto.double_data", 8 },
    { TENSOR_UINT64_DATA, WT_PB_VARINT, "TensorProto.uint64_data", 0 },
    { TENSOR_STRING_DATA, WT_PB_BYTES, "TensorProto.string_data", 0 },
};
static const uint64_t nothing[2]; /* the data of tensors without elements: a constant needs an address */

typedef struct parts {
    wt_pb msg;
    wt_string name;
    int64_t type;
    wt_shape shape;
    size_t count[N_DATA]; /* numbers in each typed array */
    size_t runs[N_DATA];  /* fields they came in */
    wt_pb_field last[N_DATA], raw, external_at;
    bool has_raw, has_segment, external;
    wt_string location, offset, length;
} parts;

static wt_status add_dims(parts *p, const wt_pb_field *f, wt_err *err)
{
    size_t n = 0;
    WT_TRY(wt_pb_count(f, WT_PB_VARINT, "TensorProto.dims", &n, err));
    if (n > (size_t)(WT_MAX_RANK - p->shape.rank))
        return wt_fail_at(err, WT_EUNSUPPORTED, f->offset, "a tensor of more than %d dimensions", WT_MAX_RANK);
    if (!wt_pb_varints(f, p->shape.dim + p->shape.rank, 8, 0, INT64_MAX))
        return wt_fail_at(err, WT_EFORMAT, f->offset, "a tensor with data has a negative dimension");
    p->shape.rank += (int)n;
    return WT_OK;
}

static wt_status add_external(parts *p, const wt_pb_field *f, wt_err *err)
{
    WT_TRY(wt_pb_expect(f, WT_PB_BYTES, "TensorProto.external_data", err));
    wt_pb msg = wt_pb_sub(f);
    wt_pb_field e;
    wt_string key = { 0 }, value = { 0 };
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &e, &st, err))
        if (e.number == ENTRY_KEY)
            WT_TRY(wt_onnx_text(&e, "external_data's key", &key, err));
        else if (e.number == ENTRY_VALUE)
            WT_TRY(wt_onnx_text(&e, "external_data's value", &value, err));
    WT_TRY(st);
    static const char *const keys[] = { "location", "offset", "length" };
    wt_string *const to[] = { &p->location, &p->offset, &p->length };
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++)
        if (key.len == strlen(keys[i]) && !memcmp(key.data, keys[i], key.len))
            *to[i] = value;
    p->external_at = *f;
    return WT_OK;
}

static wt_status add_data(parts *p, const wt_pb_field *f, wt_err *err)
{
    for (int i = 0; i < N_DATA; i++)
        if (fields[i].number == f->number) {
            size_t n = 1;
            if (fields[i].wire == WT_PB_BYTES)
                WT_TRY(wt_pb_expect(f, WT_PB_BYTES, fields[i].what, err));
            else
                WT_TRY(wt_pb_count(f, fields[i].wire, fields[i].what, &n, err));
            p->count[i] += n;
            p->runs[i]++;
            p->last[i] = *f;
        }
    return WT_OK;
}

static wt_status scan(parts *p, wt_err *err)
{
    wt_pb msg = p->msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        switch (f.number) {
        case TENSOR_DIMS: WT_TRY(add_dims(p, &f, err)); break;
        case TENSOR_DATA_TYPE:
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "TensorProto.data_type", err));
            p->type = (int64_t)f.value;
            break;
        case TENSOR_SEGMENT: p->has_segment = true; break;
        case TENSOR_NAME: WT_TRY(wt_onnx_text(&f, "TensorProto.name", &p->name, err)); break;
        case TENSOR_RAW_DATA:
            WT_TRY(wt_pb_expect(&f, WT_PB_BYTES, "TensorProto.raw_data", err));
            p->raw = f, p->has_raw = true;
            break;
        case TENSOR_EXTERNAL: WT_TRY(add_external(p, &f, err)); break;
        case TENSOR_LOCATION:
            WT_TRY(wt_pb_expect(&f, WT_PB_VARINT, "TensorProto.data_location", err));
            if (f.value > 1)
                return wt_fail_at(err, WT_EFORMAT, f.offset, "data_location %llu is neither 0 (here) nor 1 (external)",
                                  (unsigned long long)f.value);
            p->external = f.value == 1;
            break;
        default: WT_TRY(add_data(p, &f, err));
        }
    }
    return st;
}

static int data_index(wt_dtype dtype)
{
    switch (dtype) {
    case WT_F32:
    case WT_C64: return 0;
    case WT_I64: return 2;
    case WT_F64:
    case WT_C128: return 3;
    case WT_U32:
    case WT_U64: return 4;
    case WT_STRING: return 5;
    default: return 1;
    }
}

/* The numbers a typed array has for n elements: pairs of complex types count twice, packed 4- and 2-bit ones by bytes.
 */
static bool entries(wt_dtype dtype, size_t n, size_t *out)
{
    if (dtype == WT_C64 || dtype == WT_C128)
        return !wt_mul_overflows(n, 2, out);
    const size_t block = wt_dtype_get(dtype)->block_len;
    *out = n / block + (n % block != 0);
    return true;
}

static void varint_range(wt_dtype dtype, int64_t *lo, int64_t *hi)
{
    *lo = INT64_MIN, *hi = INT64_MAX;
    switch (dtype) {
    case WT_BOOL: *lo = 0, *hi = 1; break;
    case WT_U8: *lo = 0, *hi = UINT8_MAX; break;
    case WT_I8: *lo = INT8_MIN, *hi = INT8_MAX; break;
    case WT_U16: *lo = 0, *hi = UINT16_MAX; break;
    case WT_I16: *lo = INT16_MIN, *hi = INT16_MAX; break;
    case WT_F16:
    case WT_BF16: *lo = INT16_MIN, *hi = UINT16_MAX; break; /* bit patterns: some writers extend the sign */
    case WT_I32: *lo = INT32_MIN, *hi = INT32_MAX; break;
    case WT_U32: *lo = 0, *hi = UINT32_MAX; break;
    case WT_I64:
    case WT_U64: break;
    default: *lo = INT8_MIN, *hi = UINT8_MAX; break;
    }
}

/* Walks the message once more and copies every run of the typed array. */
static wt_status decode(wt_reader *rd, const parts *p, int which, wt_tensor *t, wt_err *err)
{
    const data_field *field = &fields[which];
    const size_t size = which == 5 ? sizeof(wt_string) : wt_dtype_get(t->dtype)->block_bytes;
    uint8_t *to = wt_arena_alloc(rd->arena, t->bytes, 1, err);
    if (!to)
        return WT_ENOMEM;
    t->data = to;
    int64_t lo, hi;
    varint_range(t->dtype, &lo, &hi);
    wt_pb msg = p->msg;
    wt_pb_field f;
    wt_status st = WT_OK;
    while (wt_pb_next(&msg, &f, &st, err)) {
        if (f.number != field->number)
            continue;
        if (field->wire == WT_PB_BYTES) {
            const wt_string s = { (const char *)f.data, f.len };
            memcpy(to, &s, sizeof s);
            to += sizeof s;
            continue;
        }
        if (field->size) {
            if (f.len)
                memcpy(to, f.data, f.len);
            to += f.len;
            continue;
        }
        size_t n = 0;
        WT_TRY(wt_pb_count(&f, WT_PB_VARINT, field->what, &n, err));
        if (!wt_pb_varints(&f, to, size, lo, hi))
            return wt_fail_at(err, WT_EFORMAT, f.offset, "%s holds a number that is no %s", field->what,
                              wt_dtype_get(t->dtype)->name);
        to += n * size;
    }
    return st;
}

static wt_status from_typed(wt_reader *rd, const parts *p, size_t n, wt_tensor *t, wt_err *err)
{
    const int which = data_index(t->dtype);
    size_t need = 0;
    if (!entries(t->dtype, n, &need) || p->count[which] != need)
        return wt_fail_at(err, WT_EFORMAT, p->msg.offset, "%s has %zu numbers, %zu elements of %s need %zu",
                          fields[which].what, p->count[which], n, wt_dtype_get(t->dtype)->name, need);
    if (fields[which].size && p->runs[which] == 1) {
        t->data = p->last[which].data;
        return WT_OK;
    }
    return decode(rd, p, which, t, err);
}

static wt_status parse_decimal(wt_string s, uint64_t at, const char *what, uint64_t *out, wt_err *err)
{
    *out = 0;
    bool ok = s.len > 0;
    for (size_t i = 0; i < s.len && ok; i++)
        ok = s.data[i] >= '0' && s.data[i] <= '9' && !__builtin_mul_overflow(*out, 10u, out) &&
             !__builtin_add_overflow(*out, (uint64_t)(s.data[i] - '0'), out);
    return ok ? WT_OK
              : wt_fail_at(err, WT_EFORMAT, at, "external data: %s \"%.*s\" is no decimal number", what,
                           (int)(s.len < 40 ? s.len : 40), s.data ? s.data : "");
}

static wt_status from_external(wt_reader *rd, const parts *p, wt_tensor *t, wt_err *err)
{
    const uint64_t at = p->external_at.offset;
    const uint8_t *data = NULL;
    uint64_t size = 0, offset = 0, length = 0;
    if (!p->location.len)
        return wt_fail_at(err, WT_EFORMAT, p->msg.offset, "external data without a location");
    if (t->dtype == WT_STRING)
        return wt_fail_at(err, WT_EFORMAT, at, "a tensor of strings cannot be external data");
    if (p->offset.len)
        WT_TRY(parse_decimal(p->offset, at, "offset", &offset, err));
    if (p->length.len)
        WT_TRY(parse_decimal(p->length, at, "length", &length, err));
    WT_TRY(wt_onnx_external(rd, p->location, at, &data, &size, err));
    if (offset > size || t->bytes > size - offset)
        return wt_fail_at(err, WT_EFORMAT, at,
                          "external data \"%.*s\" has %llu bytes, the tensor is said to lie at %llu+%zu",
                          (int)(p->location.len < 200 ? p->location.len : 200), p->location.data,
                          (unsigned long long)size, (unsigned long long)offset, t->bytes);
    if (p->length.len && length != t->bytes)
        return wt_fail_at(err, WT_EFORMAT, at, "external data: length %llu, but the tensor has %zu bytes",
                          (unsigned long long)length, t->bytes);
    t->data = data + offset;
    return WT_OK;
}

static wt_status fill(wt_reader *rd, const parts *p, wt_tensor *t, wt_err *err)
{
    int64_t n = 0;
    if (!wt_shape_count(&t->shape, &n) || !wt_dtype_bytes(t->dtype, (uint64_t)n, &t->bytes))
        return wt_fail_at(err, WT_EFORMAT, p->msg.offset,
                          "the tensor's dimensions multiply to more than memory can hold");
    int sources = p->has_raw && p->raw.len;
    for (int i = 0; i < N_DATA; i++)
        sources += p->count[i] != 0;
    if (sources > 1)
        return wt_fail_at(err, WT_EFORMAT, p->msg.offset, "the tensor's data come in more than one form");
    if (n == 0 && sources == 0) {
        t->data = nothing;
        return WT_OK;
    }
    if (p->external)
        return from_external(rd, p, t, err);
    if (!p->has_raw || t->dtype == WT_STRING)
        return from_typed(rd, p, (size_t)n, t, err);
    if (p->raw.len != t->bytes)
        return wt_fail_at(err, WT_EFORMAT, p->raw.offset, "raw_data has %zu bytes, %lld elements of %s need %zu",
                          p->raw.len, (long long)n, wt_dtype_get(t->dtype)->name, t->bytes);
    t->data = p->raw.data;
    return WT_OK;
}

wt_status wt_onnx_read_tensor_proto(wt_reader *rd, wt_pb msg, wt_tensor *out, wt_string *name, wt_err *err)
{
    parts p = { .msg = msg };
    *out = (wt_tensor){ 0 };
    WT_TRY(scan(&p, err));
    if (name)
        *name = p.name;
    out->shape = p.shape;
    out->dtype = wt_dtype_from_onnx(p.type);
    wt_status st = WT_OK;
    if (out->dtype == WT_DTYPE_NONE)
        st = wt_fail_at(err, p.type > 26 ? WT_EUNSUPPORTED : WT_EFORMAT, msg.offset, "a tensor of element type %lld",
                        (long long)p.type);
    else if (p.has_segment)
        st = wt_fail_at(err, WT_EUNSUPPORTED, msg.offset, "a tensor cut into segments");
    else
        st = fill(rd, &p, out, err);
    if (st != WT_OK && p.name.len)
        wt_err_where(err, "tensor \"%.*s\"", (int)(p.name.len < 200 ? p.name.len : 200), p.name.data);
    return st;
}
