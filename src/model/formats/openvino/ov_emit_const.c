/* ov_emit_const.c - constants: where they lie in NAME.bin, and the chains that make floats of what is stored smaller.
 */
#include "base/hash.h"
#include "model/quantize.h"
#include "ov_emit.h"

enum { ALIGN = 64, MIN_F16_ELEMENTS = 256 };
static const float F16_MAX = 65504.0f;

/* --- places --------------------------------------------------------------------------------------------------------
 */
/* The same data twice, or the same bytes when they are few, are one place. */
static uint64_t key_of(const wt_ov_blob *b)
{
    enum { FEW = 4096 };
    const uint64_t form = (uint64_t)b->dtype << 8 | (b->quant != NULL);
    if (b->bytes <= FEW && !b->quant)
        return wt_hash64(b->tensor->data, (size_t)b->bytes, form);
    return wt_hash64(&b->tensor->data, sizeof b->tensor->data, form ^ b->bytes << 16);
}

static bool same_data(const wt_ov_blob *a, const wt_ov_blob *b)
{
    if (a->bytes != b->bytes || a->dtype != b->dtype || a->quant != b->quant)
        return false;
    return a->tensor->data == b->tensor->data ||
           (!a->quant && a->bytes <= 4096 && !memcmp(a->tensor->data, b->tensor->data, (size_t)a->bytes));
}

static bool grow_slots(wt_ov_writer *w)
{
    const size_t n = w->n_slots ? 2 * w->n_slots : 256;
    wt_ov_blob **slots = wt_arena_alloc(w->arena, n, sizeof *slots, w->err);
    if (!slots)
        return false;
    for (wt_ov_blob *b = w->first; b; b = b->next) {
        size_t i = key_of(b) & (n - 1);
        while (slots[i])
            i = (i + 1) & (n - 1);
        slots[i] = b;
    }
    w->slots = slots;
    w->n_slots = n;
    return true;
}

static const wt_ov_blob *place(wt_ov_writer *w, const wt_ov_blob *wanted)
{
    if (2 * w->n_blobs >= w->n_slots && !grow_slots(w))
        return NULL;
    size_t i = key_of(wanted) & (w->n_slots - 1);
    for (; w->slots[i]; i = (i + 1) & (w->n_slots - 1))
        if (same_data(w->slots[i], wanted))
            return w->slots[i];
    wt_ov_blob *b = wt_arena_alloc(w->arena, 1, sizeof *b, w->err);
    if (!b)
        return NULL;
    *b = *wanted;
    b->offset = (w->bin_bytes + ALIGN - 1) / ALIGN * ALIGN;
    w->bin_bytes = b->offset + b->bytes;
    if (w->last)
        w->last->next = b;
    else
        w->first = b;
    w->last = b;
    w->slots[i] = b;
    w->n_blobs++;
    return b;
}

static wt_ov_ref put_const(wt_ov_writer *w, const wt_tensor *t, const wt_quant *store_as, const wt_shape *shape,
                           const char *name)
{
    wt_ov_blob b = { .tensor = t, .quant = store_as, .dtype = store_as ? store_as->dtype : t->dtype };
    int64_t n = 0;
    size_t bytes = 0;
    wt_ov_ref out = NULL;
    wt_value named = { .name = name, .graph = w->root };
    const wt_value *last = &named;
    if (w->st != WT_OK)
        return NULL;
    if (!wt_ov_element_type(b.dtype) || !wt_shape_count(&t->shape, &n) ||
        !wt_dtype_bytes(b.dtype, (uint64_t)n, &bytes)) {
        wt_ov_unable(w, "constant '%.100s' is %s, which OpenVINO IR does not have", name, wt_dtype_name(b.dtype));
        return NULL;
    }
    b.bytes = bytes;
    const wt_ov_blob *at = place(w, &b);
    if (!at) {
        w->st = WT_ENOMEM;
        return NULL;
    }
    wt_ov_put(w, "element_type", "%s", wt_ov_element_type(b.dtype));
    wt_ov_put_ints(w, "shape", shape->dim, (size_t)shape->rank);
    wt_ov_put(w, "offset", "%llu", (unsigned long long)at->offset);
    wt_ov_put(w, "size", "%llu", (unsigned long long)at->bytes);
    const wt_node *node = w->node;
    w->node = NULL;
    named.type = (wt_tensor){ .dtype = b.dtype, .shape = *shape };
    named.graph = &(wt_graph){ .parent = w->root }; /* constants have no tensor names */
    wt_ov_layer_n(w, "Const", 1, NULL, 0, b.dtype, &out, 1, &last);
    w->node = node;
    return out;
}

/* --- literals ------------------------------------------------------------------------------------------------------
 */
wt_ov_ref wt_ov_lit(wt_ov_writer *w, wt_dtype dtype, const wt_shape *shape, const void *data)
{
    int64_t n = 0;
    size_t bytes = 0;
    if (w->st != WT_OK)
        return NULL;
    wt_tensor *t = wt_arena_alloc(w->arena, 1, sizeof *t, w->err);
    if (t && wt_shape_count(shape, &n) && wt_dtype_bytes(dtype, (uint64_t)n, &bytes))
        t->data = wt_arena_alloc(w->arena, bytes + 1, 1, w->err);
    const char *base = w->node && w->node->n_out && w->node->out[0] ? w->node->out[0]->name : "";
    const char *name = wt_arena_printf(w->arena, w->err, "%s/const_%d", base, ++w->emitted);
    if (!t || !t->data || !name) {
        w->st = WT_ENOMEM;
        return NULL;
    }
    if (bytes)
        memcpy(wt_tensor_mut(t), data, bytes);
    t->dtype = dtype;
    t->shape = *shape;
    t->bytes = bytes;
    wt_buf held = w->data; /* attributes that wait for the layer behind */
    wt_buf_init(&w->data, w->ctx);
    wt_ov_ref out = put_const(w, t, NULL, shape, name);
    wt_buf_free(&w->data);
    w->data = held;
    return out;
}

wt_ov_ref wt_ov_lit_ints(wt_ov_writer *w, const int64_t *v, size_t n)
{
    const int64_t dim = (int64_t)n;
    const wt_shape shape = wt_shape_make(1, &dim);
    return wt_ov_lit(w, WT_I64, &shape, v);
}

wt_ov_ref wt_ov_lit_int(wt_ov_writer *w, int64_t v)
{
    static const wt_shape scalar = { .rank = 0 };
    return wt_ov_lit(w, WT_I64, &scalar, &v);
}

wt_ov_ref wt_ov_lit_as(wt_ov_writer *w, wt_dtype dtype, double v)
{
    static const wt_shape scalar = { .rank = 0 };
    uint64_t room[2] = { 0 };
    if (w->st == WT_OK)
        w->st = wt_convert(&v, WT_F64, room, dtype, 1, true, w->err);
    return wt_ov_lit(w, dtype, &scalar, room);
}

wt_ov_ref wt_ov_lit_floats(wt_ov_writer *w, const wt_shape *shape, const float *v)
{
    return wt_ov_lit(w, WT_F32, shape, v);
}

/* --- what is stored in fewer bits ----------------------------------------------------------------------------------
 */
static bool fits_f16(const wt_tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, (const uint8_t *)t->data + 4 * i, sizeof f);
        if (!(f <= F16_MAX && f >= -F16_MAX))
            return false;
    }
    return true;
}

static wt_ov_ref halves(wt_ov_writer *w, const wt_value *v, const wt_shape *shape)
{
    static const float one = 1;
    static const int32_t zero = 0;
    static const wt_quant as_f16 = { .dtype = WT_F16, .axis = -1, .count = 1, .scale = &one, .zero_point = &zero };
    const char *name = wt_arena_printf(w->arena, w->err, "%s_compressed", v->name);
    if (!name)
        w->st = WT_ENOMEM;
    wt_ov_ref h = put_const(w, &v->type, &as_f16, shape, name);
    h = wt_ov_convert(w, h, WT_F32);
    wt_ov_mark_decompression(w);
    return h;
}

/* Where scales lie when the data are seen as `to`: the axis' place found again among dimensions that split or join. */
static bool scale_shape(const wt_quant *q, const wt_shape *shape, const wt_shape *to, wt_shape *out)
{
    *out = (wt_shape){ .rank = to->rank };
    for (int i = 0; i < to->rank; i++)
        out->dim[i] = 1;
    if (q->axis < 0) {
        out->rank = 0;
        return true;
    }
    const int64_t before = wt_shape_product(shape, 0, q->axis), n = shape->dim[q->axis];
    int64_t passed = 1, covered = 1;
    int i = 0;
    while (i < to->rank && passed < before)
        passed *= to->dim[i++];
    if (passed != before)
        return false;
    for (; i < to->rank && covered < n; i++) {
        out->dim[i] = to->dim[i];
        covered *= to->dim[i];
    }
    return covered == n;
}

/* Blocks along an axis become a dimension of their own, which a Reshape joins again. */
static bool split_blocks(const wt_quant *q, const wt_shape *shape, wt_shape *data, wt_shape *scales)
{
    if (shape->rank == WT_MAX_RANK || shape->dim[q->axis] % q->block)
        return false;
    data->rank = scales->rank = shape->rank + 1;
    for (int i = 0; i < data->rank; i++) {
        const int64_t d = i <= q->axis ? shape->dim[i] : shape->dim[i - 1];
        data->dim[i] = scales->dim[i] = i == q->axis ? d / q->block : i == q->axis + 1 ? q->block : d;
    }
    scales->dim[q->axis + 1] = 1;
    return true;
}

static wt_ov_ref zero_points(wt_ov_writer *w, const wt_quant *q, const wt_shape *shape)
{
    bool any = false;
    for (size_t i = 0; i < q->count; i++)
        any |= q->zero_point[i] != 0;
    if (!any || w->st != WT_OK)
        return NULL;
    float *floats = wt_arena_alloc(w->arena, q->count + 1, sizeof *floats, w->err);
    size_t bytes = 0;
    uint8_t *codes = floats && wt_dtype_bytes(q->dtype, q->count, &bytes)
                         ? wt_arena_alloc(w->arena, bytes + 1, 1, w->err)
                         : NULL;
    if (!codes) {
        w->st = WT_ENOMEM;
        return NULL;
    }
    for (size_t i = 0; i < q->count; i++)
        floats[i] = (float)q->zero_point[i];
    w->st = wt_convert(floats, WT_F32, codes, q->dtype, q->count, true, w->err);
    return wt_ov_convert(w, wt_ov_lit(w, q->dtype, shape, codes), WT_F32);
}

static wt_ov_ref widened(wt_ov_writer *w, const wt_value *v, const wt_shape *shape)
{
    const wt_quant *q = v->quant;
    wt_shape data = *shape, scales;
    const bool blocks = q->block > 0;
    if (blocks ? !split_blocks(q, &v->type.shape, &data, &scales) : !scale_shape(q, &v->type.shape, shape, &scales)) {
        wt_ov_unable(w, "constant '%.100s': %s", v->name,
                     blocks ? "blocks of scales that do not divide the axis" : "scales along an axis that is cut");
        return NULL;
    }
    wt_ov_ref x = put_const(w, &v->type, v->type.dtype == q->dtype ? NULL : q, &data, v->name);
    x = wt_ov_convert(w, x, WT_F32);
    wt_ov_ref zero = zero_points(w, q, &scales);
    if (zero)
        x = wt_ov_add(w, "Subtract", 1, x, zero);
    x = wt_ov_add(w, "Multiply", 1, x, wt_ov_lit_floats(w, &scales, q->scale));
    return blocks ? wt_ov_reshape(w, x, shape->dim, (size_t)shape->rank, false) : x;
}

wt_ov_ref wt_ov_const(wt_ov_writer *w, const wt_value *v, const wt_shape *as)
{
    const wt_shape *shape = as ? as : &v->type.shape;
    int64_t n = 0;
    if (w->st != WT_OK)
        return NULL;
    wt_buf held = w->data;
    wt_buf_init(&w->data, w->ctx);
    wt_ov_ref out = NULL;
    if (v->quant)
        out = widened(w, v, shape);
    else if (w->f16 && v->type.dtype == WT_F32 && wt_shape_count(shape, &n) && n >= MIN_F16_ELEMENTS &&
             fits_f16(&v->type, (size_t)n))
        out = halves(w, v, shape);
    else
        out = put_const(w, &v->type, NULL, shape, v->name);
    wt_buf_free(&w->data);
    w->data = held;
    return out;
}

/* --- activations ---------------------------------------------------------------------------------------------------
 */
wt_ov_ref wt_ov_fake_quantize(wt_ov_writer *w, wt_ov_ref x, const wt_quant *q, const wt_shape *shape,
                              const wt_value *last)
{
    int32_t lo = 0, hi = 0;
    wt_shape s = { .rank = 0 };
    wt_ov_ref out = NULL;
    if (w->st != WT_OK)
        return NULL;
    float *low = wt_arena_alloc(w->arena, q->count + 1, sizeof *low, w->err);
    float *high = wt_arena_alloc(w->arena, q->count + 1, sizeof *high, w->err);
    if (!low || !high) {
        w->st = WT_ENOMEM;
        return NULL;
    }
    if (!wt_quant_range(q->dtype, &lo, &hi) || q->dtype == WT_I32 || q->block || (q->axis >= 0 && shape->rank < 0)) {
        wt_ov_unable(w, "a value quantized to %s%s has no FakeQuantize", wt_dtype_name(q->dtype),
                     q->block ? " by blocks" : "");
        return NULL;
    }
    for (size_t i = 0; i < q->count; i++) {
        low[i] = (float)((double)(lo - q->zero_point[i]) * (double)q->scale[i]);
        high[i] = (float)((double)(hi - q->zero_point[i]) * (double)q->scale[i]);
    }
    if (q->axis >= 0) {
        s.rank = shape->rank;
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = i == q->axis ? (int64_t)q->count : 1;
    }
    wt_ov_ref l = wt_ov_lit_floats(w, &s, low), h = wt_ov_lit_floats(w, &s, high);
    const wt_ov_ref in[] = { x, l, h, l, h };
    wt_ov_put(w, "levels", "%d", hi - lo + 1);
    wt_ov_put(w, "auto_broadcast", "numpy");
    wt_ov_layer_n(w, "FakeQuantize", 1, in, 5, WT_F32, &out, 1, last ? &last : NULL);
    return out;
}
